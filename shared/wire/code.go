package wire

// CodeHeader carries the stable code of a refusal beside its message, so that
// the other side can tell one from another whatever their words are.
const CodeHeader = "Fault-Code"

// CodeCertificateExpired refuses an agent's certificate because of its age.
// Unlike every other refusal the agent can do something about it itself.
const CodeCertificateExpired = "certificate_expired"
