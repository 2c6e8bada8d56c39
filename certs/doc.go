// Package certs is the fleet's PKI, used by both sides: the certificate
// authority of the controller, the credential of an agent, the TLS
// configurations that join them, and the join token that makes the first
// contact authentic in both directions.
//
// A fleet is one root. Its id stands in every certificate as the trust domain
// of a SPIFFE URI, and that URI is the only name that is ever believed:
//
//	spiffe://<fleet id>                    the two authorities
//	spiffe://<fleet id>/controller         the controller
//	spiffe://<fleet id>/agent/<agent id>   an agent
//
// Private keys come from the operating system whatever randomness is injected:
// the standard library ignores the reader it is given. What is injected decides
// fleet ids, serial numbers and join secrets.
package certs
