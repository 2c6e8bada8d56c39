package job

// TotalSource says where a total comes from, so that an unknown total can be
// told from an empty one.
type TotalSource string

const (
	TotalNone     TotalSource = "none"
	TotalWalk     TotalSource = "walk"     // a size scan beside borg
	TotalPrevious TotalSource = "previous" // what the last good run of the same sources read
)

// Progress is what a running backup has done so far, or what it did in all.
type Progress struct {
	OriginalSize   int64
	CompressedSize int64
	DedupSize      int64
	NFiles         int64
	CurrentFile    string
	Percent        float64 // 0 to 99 while running; 100 only for a good end
	Speed          float64 // MB/s, MB = 10^6: last 30 s, at the end the whole run
	TotalExpected  int64
	TotalSource    TotalSource
	ETA            int64 // whole seconds; 0: unknown or nothing left
}
