package store

import (
	"cmp"
	"slices"

	"borgfleet/shared/job"
)

// ordered is a list of jobs by creation time, then id: the order in which they
// get their turn. A job in it is never written to, only replaced.
type ordered []*job.Job

func compareJobs(a, b *job.Job) int {
	if c := a.Spec.CreatedAt.Compare(b.Spec.CreatedAt); c != 0 {
		return c
	}
	return cmp.Compare(a.ID, b.ID)
}

func (o ordered) put(j *job.Job) ordered {
	i, there := slices.BinarySearchFunc(o, j, compareJobs)
	if there {
		o[i] = j
		return o
	}
	return slices.Insert(o, i, j)
}

func (o ordered) remove(j *job.Job) ordered {
	i, there := slices.BinarySearchFunc(o, j, compareJobs)
	if !there {
		return o
	}
	return slices.Delete(o, i, i+1)
}

func (o ordered) values() []job.Job {
	all := make([]job.Job, len(o))
	for i, j := range o {
		all[i] = *j
	}
	return all
}

func sortJobs(jobs []job.Job) {
	slices.SortFunc(jobs, func(a, b job.Job) int { return compareJobs(&a, &b) })
}
