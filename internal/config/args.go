// The command line as lines of configuration.
//
// A first word that does not begin with a minus is the configuration file. A lone "-", first or
// last, stands for standard input. Of the rest, a word beginning with "--" names a directive and
// begins a line, unless a value is still owed to the directive before it; all other words are values.
// So a pair may lack its "--" if it comes first, a name and its value may be one word, and a value
// may begin with "--". "--save" owes nothing: without a value it clears the save points. Nor does
// "--load-what-you-can", which then says yes.

package config

import "strings"

// bareValues are what directives say that need no value on the command line.
var bareValues = map[string]string{"save": `""`, "load-what-you-can": "yes"}

// commandLine takes the words after the program's name apart.
func commandLine(args []string) (path string, stdin bool, options string) {
	i := 0
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		path = args[0]
		i = 1
	}
	var text strings.Builder
	owed := false // the directive just named has no value yet
	for ; i < len(args); i++ {
		word, last := args[i], i == len(args)-1
		name, isName := strings.CutPrefix(word, "--")
		switch {
		case word == "-" && (i == 0 || last):
			stdin = true
		case isName && !owed:
			if text.Len() > 0 {
				text.WriteByte('\n')
			}
			text.WriteString(name + " ")
			parts, ok := splitLine(word)
			owed = ok && len(parts) == 1
			if bare, ok := bareValues[strings.ToLower(name)]; ok && (last || strings.HasPrefix(args[i+1], "--")) {
				text.WriteString(bare)
				owed = false
			}
		default:
			text.WriteString(quote(word) + " ")
			owed = false
		}
	}
	return path, stdin, text.String()
}
