package main

import (
	"fmt"
	"os"
	"runtime/pprof"
	"time"
)

func init() {
	if os.Getenv("BORGFLEET_FAULTY_DISK") != "" || os.Getenv("DUMPS") == "" {
		return
	}
	go func() {
		for n := 0; ; n++ {
			time.Sleep(15 * time.Second)
			f, _ := os.Create(fmt.Sprintf("%s/dump-%d", os.Getenv("DUMPS"), n%12))
			fmt.Fprintln(f, time.Now())
			pprof.Lookup("goroutine").WriteTo(f, 2)
			f.Close()
		}
	}()
}
