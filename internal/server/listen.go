// What listening has in common everywhere.

package server

import (
	"context"
	"errors"
	"net"
	"strings"
	"syscall"
)

// resolve returns the address of a host by number, which may stand in brackets, or by name. A name means its address of
// version 4, as it does to redis-server: that of localhost is often listed behind one of version 6.
func resolve(host string) (net.IP, error) {
	if ip := net.ParseIP(strings.Trim(host, "[]")); ip != nil {
		return ip, nil
	}
	ips, err := net.DefaultResolver.LookupIP(context.Background(), "ip4", host)
	if err != nil {
		return nil, errNoName
	}
	return ips[0], nil
}

var errNoName = errors.New("Name or service not known")

// passedOver tells whether a server starts without an address that it could not listen on.
func passedOver(err error, optional bool) bool {
	switch {
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return optional
	case errors.Is(err, syscall.EAFNOSUPPORT), errors.Is(err, syscall.EPFNOSUPPORT), errors.Is(err, syscall.EPROTONOSUPPORT),
		errors.Is(err, syscall.ESOCKTNOSUPPORT), errors.Is(err, syscall.ENOPROTOOPT):
		return true
	}
	return false
}

// bindText says in Redis's words why a socket could not be opened.
func bindText(err error) string {
	if err == errNoName {
		return err.Error()
	}
	return "bind: " + systemText(err)
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
