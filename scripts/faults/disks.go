package main

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"borgfleet/scripts/faultfs"
	"borgfleet/scripts/testenv"
)

// putOnDisks puts the programs' directories on disks that can be hurt. What
// borg keeps for itself, and the repositories, stay on the machine's own: they
// are borg's to keep.
func (t *trial) putOnDisks(f *testenv.Fleet) {
	if !t.plan.disks {
		return
	}
	// The store is built for file systems that keep the order of changes to
	// names, as ext4 and xfs do; the agent's own files ask for no such thing.
	f.FaultDisk = &faultfs.Options{Seed: t.seed, Order: faultfs.Ordered}
	for i := range f.Agents {
		f.Agents[i].FaultDisk = &faultfs.Options{Seed: t.seed + uint64(i), Order: faultfs.Strict}
	}
}

// repositoryDisk puts one repository on a disk that can be full. borg keeps it
// through power cuts and the like by itself, which is not for us to try.
func (t *trial) repositoryDisk() (err error) {
	dir := filepath.Join(t.env.Repositories(), "small")
	if err := os.Mkdir(dir, 0o700); err != nil || !t.plan.disks {
		return err
	}
	t.repoDisk, err = faultfs.Mount(dir, faultfs.Options{Seed: t.seed, Order: faultfs.Ordered})
	return err
}

func (t *trial) fillRepository(full bool) { t.repoDisk.Fail(faultfs.Faults{Full: full}) }

// diskOf is the disk that a fault strikes; a fault with no host strikes the
// controller's.
func (t *trial) diskOf(f fault) *faultfs.FS {
	if f.victim == "" {
		return t.env.Controller.Disk
	}
	return t.env.Hosts[f.victim].Disk
}

func disk(faults faultfs.Faults) func(*trial, fault) error {
	return func(t *trial, f fault) error {
		t.diskOf(f).Fail(faults)
		return nil
	}
}

func goodDisk(t *trial, f fault) error { return disk(faultfs.Faults{})(t, f) }

// slowDisk takes up to a quarter of a second for each sync.
func slowDisk(t *trial, f fault) error {
	return disk(faultfs.Faults{SlowSync: f.lasts / 8})(t, f)
}

// oneBadSync fails one sync and no other: a second attempt seems to go well.
func oneBadSync(t *trial, f fault) error {
	return disk(faultfs.Faults{FailNth: 1 + uint64(f.at.Microseconds()%20)})(t, f)
}

func cutHost(t *trial, f fault) error {
	return t.daemons[f.victim].unplug(t.env.Hosts[f.victim].PowerCut)
}

func plugHost(t *trial, f fault) error {
	return t.daemons[f.victim].plug(func() error {
		return errors.Join(t.newBoot(f.victim), t.env.Hosts[f.victim].PowerOn())
	})
}

func cutController(t *trial, _ fault) error {
	return t.controller.unplug(t.env.Controller.PowerCut)
}

func plugController(t *trial, _ fault) error {
	return t.controller.plug(t.env.Controller.PowerOn)
}

// healDisks ends what is wrong with the disks; power has its own end.
func (t *trial) healDisks() {
	if t.repoDisk != nil {
		t.fillRepository(false)
	}
	for _, f := range []fault{{}, {victim: "a"}, {victim: "b"}} {
		if d := t.diskOf(f); d != nil {
			d.Fail(faultfs.Faults{})
		}
	}
}

// cutSlowHost does so on a host: between an end of borg's and its verdict on the
// disk there is time then.
func cutSlowHost(t *trial, f fault) error {
	if err := cutHost(t, f); err != nil {
		return err
	}
	time.Sleep(f.lasts / 8)
	return errors.Join(goodDisk(t, f), plugHost(t, f))
}

// kindsOfDisks are what can happen to a host's disk, and to the controller's.
func kindsOfDisks() []kind {
	return []kind{
		{name: "power-cut-host", what: "a host's power is cut: what was not synced is gone", host: true, disk: true, lose: true, hit: cutHost, heal: plugHost},
		{name: "power-cut-controller", what: "the controller's power is cut", disk: true, hit: cutController, heal: plugController},
		{name: "full-disk-host", what: "a host's disk is full", host: true, disk: true, lose: true, hit: disk(faultfs.Faults{Full: true}), heal: goodDisk},
		{name: "full-repository", what: "the disk of a repository is full", disk: true, hit: func(t *trial, _ fault) error { t.fillRepository(true); return nil }, heal: func(t *trial, _ fault) error { t.fillRepository(false); return nil }},
		{name: "full-disk-controller", what: "the controller's disk is full", disk: true, hit: disk(faultfs.Faults{Full: true}), heal: goodDisk},
		{name: "read-only-host", what: "a host's disk is read-only", host: true, disk: true, lose: true, hit: disk(faultfs.Faults{ReadOnly: true}), heal: goodDisk},
		{name: "read-only-controller", what: "the controller's disk is read-only", disk: true, hit: disk(faultfs.Faults{ReadOnly: true}), heal: goodDisk},
		{name: "bad-sync-host", what: "each sync of a host's disk fails", host: true, disk: true, lose: true, hit: disk(faultfs.Faults{FailSync: true}), heal: goodDisk},
		{name: "bad-dir-sync-host", what: "each sync of a directory on a host's disk fails", host: true, disk: true, hit: disk(faultfs.Faults{FailDirSync: true}), heal: goodDisk},
		{name: "one-bad-sync-host", what: "one sync of a host's disk fails, the 1st to the 20th from then on", host: true, disk: true, lose: true, hit: oneBadSync, heal: goodDisk},
		{name: "bad-sync-controller", what: "each sync of the controller's disk fails", disk: true, hit: disk(faultfs.Faults{FailSync: true}), heal: goodDisk},
		{name: "slow-disk-host", what: "each sync of a host's disk takes up to 250 ms", host: true, disk: true, hit: slowDisk, heal: goodDisk},
		{name: "slow-cut-host", what: "each sync of a host's disk takes up to 250 ms, then its power is cut", host: true, disk: true, lose: true, hit: slowDisk, heal: cutSlowHost},
		{name: "cut-at-end-host", what: "a host's power is cut as a borg there says its last word", host: true, disk: true, lose: true, hit: cutAtTheEnd, heal: cutSlowHost},
		{name: "slow-disk-controller", what: "each sync of the controller's disk takes up to 250 ms, then its power is cut", disk: true, hit: slowDisk, heal: cutSlow},
	}
}

// cutSlow cuts the power in the middle of a slow sync: whoever is told of
// something before it is on the disk is told a lie.
func cutSlow(t *trial, f fault) error {
	if err := cutController(t, f); err != nil {
		return err
	}
	time.Sleep(f.lasts / 8)
	return errors.Join(goodDisk(t, f), plugController(t, f))
}
