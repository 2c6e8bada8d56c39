// Package deliver gets notifications to people. What waits is in the store, an outbox
// for each channel; here is one sender a channel, which delivers in order, at least
// once, and tries again until it has gone well. Nobody waits for that: neither a
// commit nor a backup.
package deliver
