// Shows that documents hold together: links lead somewhere, headings that are linked to exist,
// decisions are numbered once each, code cites pages that exist, and ARCHITECTURE.md names every room.

package tidy

import (
	"path"
	"regexp"
	"strings"
	"testing"
)

var (
	markdownLink = regexp.MustCompile(`\[[^\]]*\]\(([^)\s]+)(?:\s+"[^"]*")?\)`)
	cited        = regexp.MustCompile(`\bdocs/[A-Za-z0-9_./-]+\.md(#[A-Za-z0-9_-]+)?`)
	fencedBlock  = regexp.MustCompile("(?ms)^ {0,3}```.*?^ {0,3}```[ \t]*$")
	codeSpan     = regexp.MustCompile("`[^`\n]*`")
	heading      = regexp.MustCompile(`(?m)^#{1,6}\s+(.*?)\s*#*$`)
	notInAnchor  = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)
	explicitName = regexp.MustCompile(`<a (?:id|name)="([^"]+)"`)
)

// anchors are the names that a document's headings can be linked to by, as GitHub makes them.
func anchors(text string) map[string]bool {
	names := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(fencedBlock.ReplaceAllString(text, ""), -1) {
		name := strings.ReplaceAll(notInAnchor.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-")
		for names[name] {
			name += "-1"
		}
		names[name] = true
	}
	for _, m := range explicitName.FindAllStringSubmatch(text, -1) {
		names[m[1]] = true
	}
	return names
}

// missing tells what is wrong with a link from a folder; "" if nothing is.
func missing(fromDir, fromPath, link string) string {
	name, anchor, _ := strings.Cut(link, "#")
	target := fromPath
	if name != "" {
		target = path.Join(fromDir, name)
	}
	if _, isPaper := tree.papers[target]; isPaper {
		if anchor != "" && !anchors(tree.papers[target])[anchor] {
			return "no heading makes the anchor #" + anchor + " in " + target
		}
		return ""
	}
	if tree.others[target] {
		return ""
	}
	for _, s := range tree.sources {
		if s.path == target {
			return ""
		}
	}
	return "there is no " + target
}

func TestLinksInDocuments(t *testing.T) {
	sources(t)
	for name, text := range tree.papers {
		text = codeSpan.ReplaceAllString(fencedBlock.ReplaceAllString(text, ""), "")
		for _, m := range markdownLink.FindAllStringSubmatch(text, -1) {
			link := m[1]
			if strings.Contains(link, "://") || strings.HasPrefix(link, "mailto:") {
				continue
			}
			if wrong := missing(path.Dir(name), name, link); wrong != "" {
				t.Errorf("%s: link %q: %s", name, link, wrong)
			}
		}
	}
}

func TestCodeCitesPagesThatExist(t *testing.T) {
	for _, s := range sources(t) {
		if s.room() == "tidy" {
			continue
		}
		for _, group := range s.file.Comments {
			for _, link := range cited.FindAllString(group.Text(), -1) {
				if wrong := missing(".", "", link); wrong != "" {
					t.Errorf("%s: cites %s: %s", at(group.Pos()), link, wrong)
				}
			}
		}
	}
}

func TestDecisionsAreNumberedOnce(t *testing.T) {
	sources(t)
	form := regexp.MustCompile(`^docs/decisions/(\d{4})-[a-z0-9-]+\.md$`)
	seen := map[string]string{}
	for name := range tree.papers {
		if path.Dir(name) != "docs/decisions" || path.Base(name) == "README.md" {
			continue
		}
		m := form.FindStringSubmatch(name)
		if m == nil {
			t.Errorf("%s: a decision is named NNNN-title.md", name)
			continue
		}
		if other := seen[m[1]]; other != "" {
			t.Errorf("%s and %s have one number", name, other)
		}
		seen[m[1]] = name
	}
}

func TestArchitectureNamesEveryRoom(t *testing.T) {
	sources(t)
	text, ok := tree.papers["ARCHITECTURE.md"]
	if !ok {
		t.Error("there is no ARCHITECTURE.md")
		return
	}
	plan, err := parsePlan(planText)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range plan {
		if !strings.Contains(text, "`"+line.name+"`") {
			t.Errorf("ARCHITECTURE.md does not mention `%s`", line.name)
		}
	}
}

func TestAnchors(t *testing.T) {
	got := anchors("# A Title, with `code`!\n```\n# not a heading\n```\n## Twice\n## Twice\n<a id=\"own\"></a>\n")
	for _, want := range []string{"a-title-with-code", "twice", "twice-1", "own"} {
		if !got[want] {
			t.Errorf("anchors %v lack %q", got, want)
		}
	}
	if len(got) != 4 {
		t.Errorf("anchors %v; want 4", got)
	}
}
