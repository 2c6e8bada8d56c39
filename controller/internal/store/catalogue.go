package store

import (
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	storev1 "borgfleet/shared/proto/store/v1"
)

// Catalogue is what is known of a repository's archives as a whole. Its counts
// are those of the stored archives at every moment, so whoever stores or
// removes one changes them in the same update.
type Catalogue struct {
	Repository   int64
	AsOf         time.Time // true at this moment; zero: nothing is known
	LastModified time.Time // of the repository, as borg says
	Archives     int64
	Unmatched    int64 // of these, that the registration's pattern does not match
	Job          int64 // whose list it was
	Vanished     int64 // archives that have gone unexplained; not among Archives
}

// CatalogueArchive is one archive in a repository.
type CatalogueArchive struct {
	ID             string // 64 hexadecimal digits
	Name           string
	RawName        string // base64, if Name is not what borg stores
	Start, End     time.Time
	OriginalSize   int64 // this and the other figures: 0 where Job is 0
	CompressedSize int64
	DedupSize      int64
	NFiles         int64
	Job            int64     // that made it; 0: not one of ours
	SeenAt         time.Time // it was there at this moment, and in every list since

	VanishedAt time.Time // it was noticed then that it has gone, and no job of ours removed it; zero: it is there
	RemovedBy  int64     // a prune that says it removes it; a list will show whether it did
}

// archiveIDLength is that of borg's ids, which end an archive's key.
const archiveIDLength = 64

// IsArchiveID says whether id is one of borg's.
func IsArchiveID(id string) bool {
	return len(id) == archiveIDLength && strings.Trim(id, "0123456789abcdef") == ""
}

// Catalogue gives what is known of a repository's archives as a whole.
func (tx *Tx) Catalogue(repository int64) (Catalogue, bool) {
	return tx.s.working.catalogues.get(repository)
}

// PutCatalogue stores the head, new or changed.
func (tx *Tx) PutCatalogue(c Catalogue) error {
	tx.changedRepository(c.Repository)
	return putRecord(tx, idKey(cataloguePrefix, c.Repository), catalogueToProto(c), cataloguesOf, c.Repository, c)
}

// DeleteCatalogue removes the head. The archives are left over: there may be
// more of them than one update can hold. See Leftovers.
func (tx *Tx) DeleteCatalogue(repository int64) error {
	tx.changedRepository(repository)
	return removeRecord(tx, idKey(cataloguePrefix, repository), cataloguesOf, repository)
}

// CatalogueArchive gives one archive of a repository.
func (tx *Tx) CatalogueArchive(repository int64, id string) (CatalogueArchive, bool, error) {
	b, ok, err := tx.get(archiveKey(repository, id))
	if err != nil || !ok {
		return CatalogueArchive{}, false, err
	}
	a, err := decodeArchive(b)
	return a, err == nil, err
}

// PutCatalogueArchive stores one archive of a repository, new or changed.
func (tx *Tx) PutCatalogueArchive(repository int64, a CatalogueArchive) error {
	if !IsArchiveID(a.ID) {
		return fmt.Errorf("store archive %q: %q is no archive id", a.Name, a.ID)
	}
	b, err := proto.Marshal(archiveToProto(a))
	if err != nil {
		return fmt.Errorf("encode archive: %w", err)
	}
	return tx.set(archiveKey(repository, a.ID), b)
}

// DeleteCatalogueArchive removes one archive of a repository.
func (tx *Tx) DeleteCatalogueArchive(repository int64, id string) error {
	return tx.del(archiveKey(repository, id))
}

// Catalogue gives what is known of a repository's archives as a whole.
func (s *Store) Catalogue(repository int64) (Catalogue, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.published.catalogues.get(repository)
}

func cataloguesOf(st *state) table[int64, Catalogue] { return st.catalogues }

func catalogueToProto(c Catalogue) *storev1.Catalogue {
	return &storev1.Catalogue{
		Repository: c.Repository, AsOf: stamp(c.AsOf), LastModified: stamp(c.LastModified),
		Archives: c.Archives, Unmatched: c.Unmatched, Job: c.Job, Vanished: c.Vanished,
	}
}

func catalogueFromProto(p *storev1.Catalogue) Catalogue {
	return Catalogue{
		Repository: p.Repository, AsOf: instant(p.AsOf), LastModified: instant(p.LastModified),
		Archives: p.Archives, Unmatched: p.Unmatched, Job: p.Job, Vanished: p.Vanished,
	}
}

func archiveToProto(a CatalogueArchive) *storev1.CatalogueArchive {
	return &storev1.CatalogueArchive{
		Id: a.ID, Name: text(a.Name), RawName: text(a.RawName), Start: stamp(a.Start), End: stamp(a.End),
		OriginalSize: a.OriginalSize, CompressedSize: a.CompressedSize, DeduplicatedSize: a.DedupSize,
		Nfiles: a.NFiles, Job: a.Job, SeenAt: stamp(a.SeenAt), VanishedAt: stamp(a.VanishedAt), RemovedBy: a.RemovedBy,
	}
}

func decodeArchive(b []byte) (CatalogueArchive, error) {
	var p storev1.CatalogueArchive
	if err := proto.Unmarshal(b, &p); err != nil {
		return CatalogueArchive{}, fmt.Errorf("read archive: %w", err)
	}
	return CatalogueArchive{
		ID: p.Id, Name: p.Name, RawName: p.RawName, Start: instant(p.Start), End: instant(p.End),
		OriginalSize: p.OriginalSize, CompressedSize: p.CompressedSize, DedupSize: p.DeduplicatedSize,
		NFiles: p.Nfiles, Job: p.Job, SeenAt: instant(p.SeenAt), VanishedAt: instant(p.VanishedAt), RemovedBy: p.RemovedBy,
	}, nil
}
