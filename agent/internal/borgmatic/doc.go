// Package borgmatic reads the configuration of borgmatic, from 1.7 to 2.x, and says
// what it comes to in definitions. What does not come over is listed, with its
// line: nothing is dropped in silence, and no secret is repeated.
package borgmatic
