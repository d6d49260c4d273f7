// Checks of single values that go beyond their kind.

package config

import (
	"path/filepath"
	"slices"
	"strings"
)

// titleVariables are the names that proc-title-template may hold in braces.
var titleVariables = []string{"title", "listen-addr", "server-mode", "port", "tls-port", "unixsocket", "config-file"}

// ExpandTitle fills in the variables of a proc-title-template; two opening braces stand for one. It
// is not ok when the template is empty, a brace is not closed, or it holds an unknown name.
func ExpandTitle(template string, value func(variable string) string) (title string, ok bool) {
	if template == "" {
		return "", false
	}
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(template, "{")
		b.WriteString(before)
		if !found {
			return strings.TrimRight(b.String(), " "), true
		}
		if strings.HasPrefix(rest, "{") {
			b.WriteByte('{')
			template = rest[1:]
			continue
		}
		name, after, found := strings.Cut(rest, "}")
		if !found || !slices.Contains(titleVariables, name) {
			return "", false
		}
		b.WriteString(value(name))
		template = after
	}
}

func validTitle(template string) error {
	if _, ok := ExpandTitle(template, func(string) string { return "" }); !ok {
		return reason("template format is invalid or contains unknown variables")
	}
	return nil
}

// plainName returns a check that a word is a file name without a folder. ifEmpty is what is wrong
// with an empty one, or "" if nothing is.
func plainName(ifPath, ifEmpty reason) func(string) error {
	return func(word string) error {
		if word == "" && ifEmpty != "" {
			return ifEmpty
		}
		if strings.ContainsAny(word, `/\`) {
			return ifPath
		}
		return nil
	}
}

const maxHostname = 255 // of the Domain Name System

func validHostname(name string) error {
	if len(name) > maxHostname {
		return reason("Hostnames must be less than 256 characters")
	}
	for i := range len(name) {
		if !isNameByte(name[i]) && name[i] != '.' {
			return reason("Hostnames may only contain alphanumeric characters, hyphens or dots")
		}
	}
	return nil
}

// validNodename keeps out what has a meaning in the line of a node. By documentation only: 7.0 has
// no such directive.
func validNodename(name string) error {
	if strings.ContainsAny(name, "!#$%&()*+:;<>?@[]^{|}~\x00") {
		return reason("Announced human node name contained invalid character")
	}
	return nil
}

func isNameByte(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-'
}

func rdbVersion(word string) error {
	if n, ok := wholeNumber(word); ok && n > 0 && n < 9 {
		return reason("argument must be 0 or between 9 and 12")
	}
	return nil
}

// directory makes the directive of the working folder. A relative path starts at the present one;
// whether it is there is seen to by who has the files (Store.Set and the loader).
func directory(name, def string, field func(*Config) *string, doc string) Directive {
	return Directive{Name: name, Kind: "folder", Default: def, Doc: doc, alwaysWrite: true,
		parse: oneWord(func(c *Config, word string) error {
			if word == "" {
				return reason("No such file or directory")
			}
			*field(c) = absolute(word, *field(c))
			return nil
		}),
		print:   func(c *Config) string { return *field(c) },
		rewrite: func(c *Config) []string { return []string{quote(*field(c))} },
	}
}

// absolute returns path as seen from folder.
func absolute(path, folder string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(folder, path)
}
