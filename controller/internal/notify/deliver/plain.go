package deliver

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
)

// plain puts what the libraries say of a receiver into words for the person who has
// to mend it.
func (l *line) plain(err error) string {
	where := ""
	if u, ok := errors.AsType[*url.Error](err); ok {
		if at, bad := url.Parse(u.URL); bad == nil && at.Host != "" {
			where = at.Host + " "
		}
	}
	var timeout net.Error
	var noTLS tls.RecordHeaderError
	switch text := err.Error(); {
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Sprintf("%sdid not answer within %g s", where, l.post.Timeout.Seconds())
	case errors.As(err, &noTLS), strings.Contains(text, "HTTP response to HTTPS client"):
		return where + "does not speak TLS there: " + l.otherTLS()
	case strings.Contains(text, "target host does not support STARTTLS"):
		return "the mail server offers no STARTTLS, so nothing was sent; if it speaks TLS from the start, as on port 465, give --tls tls; --tls none sends in the open"
	default:
		return text
	}
}

// otherTLS says what to try where there is none.
func (l *line) otherTLS() string {
	if l.channel.Type == Mail {
		return "give --tls starttls, as on port 587, or the port that --tls tls is for, such as 465"
	}
	return "see whether the port is right, or write http:// instead of https://"
}
