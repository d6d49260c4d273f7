// Draws: SRANDMEMBER, HRANDFIELD and ZRANDMEMBER with a negative count, which may name an element again
// and again.
//
// A few bytes ask for a reply of any length, and it is made at once. So it is given up, with an error,
// when it is longer than a client may leave unread, or than anybody can want. Redis makes it to the end,
// or closes the connection.

package command

// maxDraws is the most elements that one command draws, and maxDrawn how many bytes of them.
const (
	maxDraws = 1 << 26
	maxDrawn = 512 << 20
)

// drawSlice is the most elements that are drawn between two looks at the length of the reply, and
// drawBytes how many bytes of them make the next look come at once.
const (
	drawSlice = 256
	drawBytes = 64 << 10
)

// draw replies with count elements: header begins the reply, and draw adds so many to it. Errors:
// ErrOutOfRange, and then there is no reply.
func (c *Call) draw(count int64, header func(count int), draw func(count int64)) error {
	if count > maxDraws {
		return ErrOutOfRange
	}
	most := int64(maxDrawn)
	if hard := c.Env.Config.Current().ClientOutputBufferLimit.Normal.HardBytes; hard > 0 {
		most = min(most, hard)
	}
	mark, before := c.Reply.Mark(), c.Reply.Len()
	header(int(count))
	for step := int64(1); count > 0; {
		began := c.Reply.Len()
		if int64(began-before) > most {
			c.Reply.Truncate(mark)
			return ErrOutOfRange
		}
		n := min(step, count)
		draw(n)
		count -= n
		if step = min(2*step, drawSlice); c.Reply.Len()-began > drawBytes {
			step = 1
		}
	}
	return nil
}
