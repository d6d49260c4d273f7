// What listening has in common everywhere.

package server

import (
	"errors"
	"net"
	"strings"
	"syscall"
)

// resolve returns the address of a host by name or number, which may stand in brackets.
func resolve(host string) (net.IP, error) {
	if ip := net.ParseIP(strings.Trim(host, "[]")); ip != nil {
		return ip, nil
	}
	ips, err := net.LookupIP(host)
	if err != nil {
		return nil, err
	}
	return ips[0], nil
}

// systemText is the system's own text for an error, as C programs print it: "Address already in
// use".
func systemText(err error) string {
	text := err.Error()
	var number syscall.Errno
	if errors.As(err, &number) {
		text = number.Error()
	}
	if text == "" {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}
