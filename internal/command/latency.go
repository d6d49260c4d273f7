// LATENCY: what kept the server from answering, and how long commands take.

package command

import (
	"tarn/internal/info"
	"tarn/internal/resp"
)

// latencyDoctor explains the samples in words.
func latencyDoctor(c *Call) error {
	facts := info.DoctorFacts{SlowLogMicros: c.Env.Config.Current().SlowlogLogSlowerThan}
	c.Reply.Verbatim("txt", c.Env.Latency.AppendDoctor(c.Scratch(), facts))
	return nil
}

// latencyGraph draws the samples of an event.
func latencyGraph(c *Call) error {
	graph, ok := c.Env.Latency.AppendGraph(c.Scratch(), string(c.Args[2]))
	if !ok {
		return resp.Error("ERR No samples available for event '" + quoted(c.Args[2]) + "'")
	}
	c.Reply.Verbatim("txt", graph)
	return nil
}

// latencyHistogram replies with how often the commands named, or all, took how long; a container
// stands for its subcommands too. Commands that never ran are left out.
func latencyHistogram(c *Call) error {
	count := 0
	length := c.Reply.Deferred()
	write := func(s *Spec) {
		if d, ok := c.Env.Commands.Latency(s.Index); ok {
			c.Reply.BulkString(s.FullName)
			writeHistogram(c.Reply, d)
			count++
		}
	}
	if len(c.Args) == 2 {
		for s := range c.Env.Table.All(true) {
			write(s)
		}
	}
	for _, name := range c.Args[2:] {
		s := c.Env.Table.FindFullName(name)
		if s == nil {
			continue
		}
		write(s)
		for i := range s.Sub {
			write(&s.Sub[i])
		}
	}
	c.Reply.SetMapLen(length, count)
	return nil
}

// writeHistogram writes a command's number of calls, and how many took at most so many microseconds.
func writeHistogram(w *resp.Writer, d *info.Distribution) {
	w.Map(2)
	w.BulkString("calls")
	w.Int(d.Total())
	w.BulkString("histogram_usec")
	steps := d.Steps()
	w.Map(len(steps))
	for _, step := range steps {
		w.Int(step.Micros)
		w.Int(step.Count)
	}
}

// latencyHistory replies with the samples of an event, oldest first.
func latencyHistory(c *Call) error {
	samples := c.Env.Latency.History(string(c.Args[2]))
	c.Reply.Array(len(samples))
	for _, s := range samples {
		c.Reply.Array(2)
		c.Reply.Int(s.UnixTime)
		c.Reply.Int(s.Millis)
	}
	return nil
}

// latencyLatest replies with the last sample of every event, and its worst of all.
func latencyLatest(c *Call) error {
	events := c.Env.Latency.Latest()
	c.Reply.Array(len(events))
	for _, e := range events {
		c.Reply.Array(4)
		c.Reply.BulkString(e.Name)
		c.Reply.Int(e.Latest.UnixTime)
		c.Reply.Int(e.Latest.Millis)
		c.Reply.Int(e.MaxMillis)
	}
	return nil
}

// latencyReset forgets the events named, or all, and replies with how many there were.
func latencyReset(c *Call) error {
	events := make([]string, len(c.Args)-2)
	for i, arg := range c.Args[2:] {
		events[i] = string(arg)
	}
	c.Reply.Int(int64(c.Env.Latency.Reset(events...)))
	return nil
}
