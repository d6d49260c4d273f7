// DEBUG PROTOCOL: a sample of every type of reply, with Redis's values, for tests of clients.

package command

import "tarn/internal/resp"

const protocolNames = "string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false"

// Errors of DEBUG PROTOCOL.
const (
	errProtocolName resp.Error = "ERR Wrong protocol type name. Please use one of the following: " + protocolNames
	errNotRESP2     resp.Error = "ERR RESP2 is not supported by this command"
)

// protocolSamples write the samples, in the order of protocolNames.
var protocolSamples = []struct {
	name  string
	write func(w *resp.Writer)
}{
	{"STRING", func(w *resp.Writer) { w.BulkString("Hello World") }},
	{"INTEGER", func(w *resp.Writer) { w.Int(12345) }},
	{"DOUBLE", func(w *resp.Writer) { w.Double(3.141) }},
	{"BIGNUM", func(w *resp.Writer) { w.BigNumber("1234567999999999999999999999999999999") }},
	{"NULL", func(w *resp.Writer) { w.Null() }},
	{"ARRAY", func(w *resp.Writer) {
		w.Array(3)
		for i := range 3 {
			w.Int(int64(i))
		}
	}},
	{"SET", func(w *resp.Writer) {
		w.Set(3)
		for i := range 3 {
			w.Int(int64(i))
		}
	}},
	{"MAP", func(w *resp.Writer) {
		w.Map(3)
		for i := range 3 {
			w.Int(int64(i))
			w.Bool(i == 1)
		}
	}},
	{"ATTRIB", func(w *resp.Writer) {
		if w.Attribute(1) {
			w.BulkString("key-popularity")
			w.Array(2)
			w.BulkString("key:123")
			w.Int(90)
		}
		w.BulkString("Some real reply following the attribute")
	}},
	{"PUSH", func(w *resp.Writer) {
		w.Push(2)
		w.BulkString("server-cpu-usage")
		w.Int(42)
		w.BulkString("Some real reply following the push reply")
	}},
	{"VERBATIM", func(w *resp.Writer) { w.Verbatim("txt", []byte("This is a verbatim\nstring")) }},
	{"TRUE", func(w *resp.Writer) { w.Bool(true) }},
	{"FALSE", func(w *resp.Writer) { w.Bool(false) }},
}

func debugProtocol(c *Call) error {
	for _, sample := range protocolSamples {
		if !isToken(c.Args[2], sample.name) {
			continue
		}
		if sample.name == "PUSH" && c.Reply.Proto() == resp.RESP2 {
			return errNotRESP2
		}
		sample.write(c.Reply)
		return nil
	}
	return errProtocolName
}
