package jobdir

// filePinged says how far the calls of a schedule's ping URL have come.
const filePinged = "pinged"

// Pinged is which of the calls for a job need not be made any more.
type Pinged uint64

const (
	PingedNone  Pinged = iota
	PingedStart        // the one that says that it begins
	PingedEnd          // all
)

// SetPinged notes that. It is not synced: a call that is made twice does no harm.
func (d *Dir) SetPinged(p Pinged) error { return d.putNumber(filePinged, uint64(p)) }

// Pinged is what SetPinged noted.
func (d *Dir) Pinged() (Pinged, error) {
	n, err := d.number(filePinged)
	return Pinged(n), err
}
