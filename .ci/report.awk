# Reads what go test -v prints: of tests that pass it shows nothing, of those that fail all they said, at once and again
# at the end, where a log is read first. A skip whose reason does not match may (a pattern) is a failure too, since it
# must not look like a pass.

function told(name,    all) { all = said[name]; delete said[name]; return all }

function fail(text) { printf "%s", text; failures = failures text; fflush() }

/^=== (RUN|CONT|NAME|PAUSE) / { owner = $3; inside = 1; next }

/^ *--- PASS: / { told($3); owner = ""; next }

# A test may show that another fails: only the package's last word counts.
/^ *--- FAIL: / { lost = lost $0 "\n" told($3); owner = ""; next }

/^ *--- SKIP: / {
	why = told($3); owner = ""
	if (why ~ may) print $3 " is skipped:" why
	else fail("skipped, and must not be: " $3 "\n" why)
	next
}

/^(ok|FAIL)[ \t]+[^ \t]/ {
	# What nobody owns by now is a panic, a race or a fatal error.
	if ($1 == "FAIL") { fail(lost); for (t in said) fail(said[t]); fail($0 "\n") } else print
	for (t in said) delete said[t]
	owner = lost = ""; inside = 0; fflush(); next
}

/^(PASS|FAIL)$/ { next }

inside { said[owner] = said[owner] $0 "\n"; next }

{ print; fflush() }

END {
	failures = failures lost
	for (t in said) failures = failures said[t]
	if (failures != "") { printf "\nWhat failed:\n%s", failures; exit 1 }
}
