package job

import (
	"path"
	"strconv"
	"strings"
)

// Location is the identity of the place where a repository lies, for "one
// writer per location", as long as borg's own repository id is not known. Two
// spellings that borg takes for the same place give the same location. A local
// path is a place of its own on each host, so it carries the agent.
func Location(repository, agentID string) string {
	normal, local := NormalPath(repository)
	if local {
		return agentID + ":" + normal
	}
	return normal
}

// NormalPath gives the one spelling of a repository's path, and whether it is
// on the agent's own disks. It reads paths as borg 1.x does: ssh:// URLs, the
// form of scp (host:path), file:// and plain paths.
//
// A remote path stays relative to the login directory (/./path) if it was so:
// that is another place than the absolute one.
func NormalPath(repository string) (normal string, local bool) {
	if rest, ok := strings.CutPrefix(repository, "ssh://"); ok {
		authority, p, _ := strings.Cut(rest, "/")
		return "ssh://" + normalAuthority(authority) + cleanRemote("/"+p), false
	}
	if rest, ok := strings.CutPrefix(repository, "file://"); ok {
		return path.Clean(rest), true
	}
	if name, rest, ok := strings.Cut(repository, "://"); ok && !strings.Contains(name, "/") {
		// Not a form of borg 1.x; kept apart from everything that is.
		authority, p, _ := strings.Cut(rest, "/")
		return name + "://" + normalAuthority(authority) + cleanRemote("/"+p), false
	}
	host, p, ok := cutSCP(repository)
	if !ok {
		return path.Clean(repository), true
	}
	// Borg makes these of the two relative forms before it calls the server.
	switch {
	case strings.HasPrefix(p, "~"):
		p = "/" + path.Clean(p)
	case strings.HasPrefix(p, "/"):
		p = path.Clean(p)
	default: // a leading ".." stays: it leaves the login directory
		if p = path.Clean(p); p == "." {
			p = ""
		}
		p = "/./" + p
	}
	return "ssh://" + normalAuthority(host) + p, false
}

// cutSCP splits [user@]host:path. The host ends at the first colon and holds no
// slash, so ./a:b and /a:b are local paths, as they are for borg.
func cutSCP(s string) (host, p string, ok bool) {
	from := 0
	if i := strings.Index(s, "["); i == 0 || i > 0 && s[i-1] == '@' {
		end := strings.Index(s, "]:")
		if end < 0 {
			return "", "", false
		}
		from = end
	}
	i := strings.Index(s[from:], ":")
	if i < 0 {
		return "", "", false
	}
	host, p = s[:from+i], s[from+i+1:]
	if host == "" || p == "" || strings.Contains(host, "/") || strings.HasPrefix(p, ":") || strings.HasPrefix(p, "//") {
		return "", "", false
	}
	return host, p, true
}

// cleanRemote cleans the path of a URL, and keeps a leading /./ .
func cleanRemote(p string) string {
	clean := path.Clean(p)
	if strings.HasPrefix(p, "/./") {
		if clean == "/" {
			return "/./"
		}
		return "/." + clean
	}
	return clean
}

// normalAuthority lower-cases the host, whose case never matters, and drops the
// port that ssh uses anyway. The user is kept: it decides whose login directory
// and which forced command.
func normalAuthority(s string) string {
	user, host, found := "", s, false
	if i := strings.LastIndex(s, "@"); i >= 0 {
		user, host, found = s[:i], s[i+1:], true
	}
	if i := strings.LastIndex(host, ":"); i >= 0 && !strings.HasSuffix(host, "]") {
		if port, err := strconv.ParseUint(host[i+1:], 10, 16); err == nil {
			host = host[:i]
			if port != 22 {
				host += ":" + strconv.FormatUint(port, 10)
			}
		}
	}
	host = strings.ToLower(host)
	if found {
		return user + "@" + host
	}
	return host
}
