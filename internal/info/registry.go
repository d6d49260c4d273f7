// The registry: all fields, and INFO's text made of them.
//
// Sections, and the names within one, come in Redis's order whatever the order of registration
// (order.go); names that Redis does not have follow in the order they were registered. A section in
// which nothing was registered is not printed at all; one whose fields have nothing to say at
// present is printed as its heading, as Redis does. INFO takes any number of section names in any
// case, of which default, all and everything stand for groups.

package info

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Registry holds the fields of one server.
type Registry struct {
	mu       sync.RWMutex // guards what follows; held for writing only while boot registers
	sections []*section
	names    map[string]bool
}

type section struct {
	name   string
	fields []Field
}

// Add registers fields. It panics on a name declared twice, a missing sentence, or a missing
// reader: these are mistakes in a declaration.
func (r *Registry) Add(fields ...Field) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range fields {
		r.add(f)
	}
}

func (r *Registry) add(f Field) {
	full := f.Section + "/" + f.Name
	switch {
	case f.Section == "" || f.Name == "" || f.Read == nil:
		panic(fmt.Sprintf("info: field %q lacks a section, a name or a reader", full))
	case f.Doc == "" || !strings.HasSuffix(f.Doc, "."):
		panic(fmt.Sprintf("info: field %q lacks a sentence of documentation", full))
	case r.names[full]:
		panic(fmt.Sprintf("info: field %q is declared twice", full))
	}
	if r.names == nil {
		r.names = map[string]bool{}
	}
	r.names[full] = true
	s := r.section(f.Section)
	at := len(s.fields)
	place := fieldPlace(f)
	for at > 0 && place < fieldPlace(s.fields[at-1]) {
		at--
	}
	s.fields = slices.Insert(s.fields, at, f)
}

// section finds or opens a section at its place.
func (r *Registry) section(name string) *section {
	place := sectionPlace(name)
	at := len(r.sections)
	for i, s := range r.sections {
		if s.name == name {
			return s
		}
		if at == len(r.sections) && place < sectionPlace(s.name) {
			at = i
		}
	}
	s := &section{name: name}
	r.sections = slices.Insert(r.sections, at, s)
	return s
}

// Fields returns all fields in the order of INFO.
func (r *Registry) Fields() []Field {
	r.mu.RLock()
	defer r.mu.RUnlock()
	var all []Field
	for _, s := range r.sections {
		all = append(all, s.fields...)
	}
	return all
}

// AppendInfo appends the text of INFO with the given section names as its arguments; none means
// the default ones. A name that is no section adds nothing.
func (r *Registry) AppendInfo(b []byte, names ...string) []byte {
	r.mu.RLock()
	defer r.mu.RUnlock()
	wanted := chosen(names)
	first := true
	for _, s := range r.sections {
		if !wanted(s.name) {
			continue
		}
		if !first {
			b = append(b, "\r\n"...)
		}
		first = false
		b = append(b, "# "...)
		b = append(b, heading(s.name)...)
		b = append(b, "\r\n"...)
		for i := range s.fields {
			b = s.fields[i].appendLine(b)
		}
	}
	return b
}

// chosen turns INFO's arguments into a question about a section.
func chosen(names []string) func(section string) bool {
	if len(names) == 0 {
		names = []string{"default"}
	}
	var byDefault, all, everything bool
	given := map[string]bool{}
	for _, name := range names {
		switch name = strings.ToLower(name); name {
		case "default":
			byDefault = true
		case "all":
			all = true
		case "everything":
			everything = true
		case "module_list":
			given["modules"] = true
		default:
			given[name] = true
		}
	}
	return func(section string) bool {
		standing := standingOf(section)
		return given[section] ||
			byDefault && standing == inDefault ||
			(all || everything) && standing != onlyNamed
	}
}

func (f *Field) appendLine(b []byte) []byte {
	if f.When != nil && !f.When() {
		return b
	}
	if f.Unit == UnitLines {
		return f.Read(b)
	}
	b = append(b, f.Name...)
	b = append(b, ':')
	from := len(b)
	b = f.Read(b)
	value := b[from:]
	b = append(b, "\r\n"...)
	if f.Human {
		b = append(b, f.Name...)
		b = append(b, "_human:"...)
		b = AppendHuman(b, parseWhole(value))
		b = append(b, "\r\n"...)
	}
	return b
}

// parseWhole reads back what strconv.AppendInt wrote.
func parseWhole(digits []byte) int64 {
	var n int64
	for _, c := range digits {
		if c != '-' {
			n = n*10 + int64(c-'0')
		}
	}
	if len(digits) > 0 && digits[0] == '-' {
		return -n
	}
	return n
}

// heading is a section's title.
func heading(section string) string {
	if section == "cpu" {
		return "CPU"
	}
	return strings.ToUpper(section[:1]) + section[1:]
}
