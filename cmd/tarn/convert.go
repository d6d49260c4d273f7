// Converting: the arguments of "tarn convert".

package main

import (
	"flag"
	"os"
	"path/filepath"

	"tarn/internal/check"
)

const convertUsage = `usage: tarn convert IN [OUT] [--format rdb|aof] [--rdb-version N] [--lossy] [--load-what-you-can]

Reads the data set in IN, an RDB file, a log of one file, or the folder or manifest of a log of many, and writes it
to the new file OUT. Without OUT it only says what the format could not express.

  --format rdb|aof  an RDB file, or a log of commands only; without it, aof when OUT ends so, else rdb
  --rdb-version N   9 for Redis 5 and 6, 10 for 7.0, 11 for 7.2, 12 for 7.4; without it, the oldest, but 10 at
                    least, that expresses everything
  --lossy           write even what leaves something out
  --load-what-you-can
                    read what is known of a newer or damaged RDB file: the rest counts as left out

Exit code: 0 when OUT holds everything, or could; with --lossy, when it was written; 1 anything else.
`

// runConvert is "tarn convert".
func runConvert(args []string) int {
	var o check.ConvertOptions
	flags := flag.NewFlagSet("convert", flag.ContinueOnError)
	flags.StringVar(&o.Format, "format", "", "")
	flags.IntVar(&o.Version, "rdb-version", 0, "")
	flags.BoolVar(&o.Lossy, "lossy", false, "")
	flags.BoolVar(&o.WhatYouCan, "load-what-you-can", false, "")
	paths, code, ok := parse(flags, args, convertUsage)
	if !ok {
		return code
	}
	if len(paths) < 1 || len(paths) > 2 || o.Format != "" && o.Format != "rdb" && o.Format != "aof" {
		return say(os.Stderr, convertUsage, 1)
	}
	out := ""
	if len(paths) == 2 {
		var err error
		if out, err = filepath.Abs(paths[1]); err != nil {
			return say(os.Stderr, "tarn convert: "+err.Error()+"\n", 1)
		}
	}
	return exitCode(newTool().Convert(paths[0], out, o))
}
