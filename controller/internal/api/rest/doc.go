// Package rest holds the bodies of the REST API as both ends write and read
// them. A pointer is a value that may be null; nothing is ever left out.
package rest
