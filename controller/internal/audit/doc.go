// Package audit writes down who did what, and what was refused.
//
// It stands at the edge: a Call begins when a request comes in, travels in its
// context, learns on the way who asks for what, and is answered for once. A
// change is written in the commit that makes it, by the store, since the
// context brings the entry there; everything else is written before the answer
// goes out. So nobody who makes a change has to think of it.
//
// What changes nothing can come as often as a stranger likes. So much of it as
// a person can read is written entry by entry; the rest is counted, and the
// counts are written.
package audit
