// Package cron reads cron expressions and says when they are due in a time zone.
//
// An expression has the five fields of cron(5), or is one of its words (@daily).
// Day of month and day of week are both asked for where one of them begins with a
// star, and else one of them is enough.
//
// Where a zone's clocks are set, an expression with fixed hours is due once for
// each local time that it names: what falls into a gap is due at its end, and what
// comes twice is due the first time. With a star in the hours it follows the time
// that passes: it is due whenever the clock shows a time that it names.
package cron
