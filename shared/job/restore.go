package job

// RestoreSpec says what is to be brought back, and where to.
type RestoreSpec struct {
	Archive     string
	Paths       []string // as in the archive, without a leading slash, any bytes; none: everything
	Destination string   // absolute; made if it is missing
}
