// Long replies: written a piece at a time, so that nobody waits for the whole.
//
// A handler that is about to write very many elements of a Big writes the header of its reply and
// gives the rest to Stream. What follows runs after the handler has returned, the shard unlocked: the
// connection's executor asks for a piece each turn, as long as the client takes them.

package command

import (
	"tarn/internal/keyspace"
	"tarn/internal/resp"
)

// LongReply is the number of elements from which a reply is worth Stream.
const LongReply = 2048

// wholeReply is the piece size where a reply must be made at once.
const wholeReply = 1 << 20

// Stream writes the rest of the reply from the Big that k holds: produce appends its next part, of
// about limit bytes, to w and tells whether there is more. Outside of the handler it is called with
// the shard locked and the value as it is now. It must not use k, c or the arguments, all of which are
// gone by then, nor anything but the Big and memory of its own. A command in EXEC, or that blocked and
// is run again, replies at once.
func (c *Call) Stream(k *keyspace.Key, produce func(w *resp.Writer, limit int) (more bool)) {
	s := c.Session
	if c.InExec || c.ready != nil || s.State&(ReplyOff|ReplySkip|Killed|Closing) != 0 {
		for produce(c.Reply, wholeReply) {
		}
		return
	}
	atOnce := c.Env.Config.Current().ClientOutputBufferLimit.Normal.HardBytes
	s.Extra().Rest = k.Read(c.Reply.Proto(), atOnce, produce)
	s.State |= Streaming
}
