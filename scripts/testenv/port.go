package testenv

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"syscall"
)

// Ports that are chosen lie below those that the kernel gives to outgoing
// connections: one of these would take the port of a program that is just being
// started again.
const lowestPort, highestPort = 20_000, 30_000

// FreePort finds a port of loopback that nobody listens on.
func FreePort() (string, error) {
	for range 100 {
		port := strconv.Itoa(lowestPort + rand.IntN(highestPort-lowestPort))
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", port))
		if errors.Is(err, syscall.EADDRINUSE) {
			continue
		}
		if err != nil {
			return "", err
		}
		return port, l.Close()
	}
	return "", fmt.Errorf("no free port between %d and %d was found", lowestPort, highestPort)
}
