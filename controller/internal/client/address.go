package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// address reads the URL of a controller: a scheme and a host.
func address(base string) (*url.URL, error) {
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		if whole, bad := url.Parse("http://" + base); bad == nil && whole.Host != "" && !strings.Contains(base, "://") {
			return nil, fmt.Errorf("%q is not a URL: write http://%s, or https:// if the controller speaks TLS there", base, whole.Host)
		}
		return nil, fmt.Errorf("%q is not the URL of a controller, such as http://127.0.0.1:5000", base)
	}
	u.Path = strings.TrimSuffix(u.Path, "/")
	return u, nil
}

// NoController is another program's answer.
type NoController struct{ At string }

func (e *NoController) Error() string {
	return fmt.Sprintf("what answers at %s is no borgfleet controller", e.At)
}

// foreign says that an answer is none of ours, and none of ours that was cut.
func foreign(err error) bool {
	_, syntax := errors.AsType[*json.SyntaxError](err)
	shape, ok := errors.AsType[*json.UnmarshalTypeError](err)
	return syntax || ok && shape.Field == "" // a field of another type is a newer controller's
}
