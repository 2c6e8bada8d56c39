// Command notices writes whose code programs hold, under which licences: they are
// static, so whoever passes them on passes that code on, too.
//
//	notices PROGRAM...
//
// What is linked is asked of the programs themselves, and its licences are read
// where the go command keeps the modules that they were built of.
package main

import (
	"fmt"
	"io"
	"os"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "notices:", err)
		os.Exit(1)
	}
}

func run(programs []string, out io.Writer) error {
	all := parts{}
	for _, program := range programs {
		if err := all.addProgram(program); err != nil {
			return fmt.Errorf("look for what is linked into %s: %w", program, err)
		}
	}
	return all.write(out)
}
