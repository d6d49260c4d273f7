// A connection for questions: one command, one reply.

package main

import (
	"fmt"
	"net"
	"time"

	"tarn/internal/resp"
)

const questionTimeout = 5 * time.Minute // a SAVE is a question too

type conn struct {
	nc      net.Conn
	replies *resp.Decoder
	out     []byte
}

func dial(addr string) (*conn, error) {
	nc, err := net.DialTimeout("tcp", addr, questionTimeout)
	if err != nil {
		return nil, err
	}
	return &conn{nc: nc, replies: resp.NewDecoder(nc)}, nil
}

func (c *conn) close() { c.nc.Close() }

// do sends one command and returns its reply. Errors: those of the connection, with a Value that is
// no error reply, and error replies, with the reply.
func (c *conn) do(words ...string) (resp.Value, error) {
	c.ask(words...)
	if err := c.flush(); err != nil {
		return resp.Value{}, err
	}
	return c.answer()
}

// ask adds a command to those that flush sends.
func (c *conn) ask(words ...string) {
	args := make([][]byte, len(words))
	for i, word := range words {
		args[i] = []byte(word)
	}
	c.out = resp.AppendCommand(c.out, args...)
}

func (c *conn) flush() error {
	c.nc.SetDeadline(time.Now().Add(questionTimeout))
	_, err := c.nc.Write(c.out)
	c.out = c.out[:0]
	return err
}

func (c *conn) answer() (resp.Value, error) {
	reply, err := c.replies.Decode()
	if err == nil && reply.Err() != nil {
		err = fmt.Errorf("error reply: %w", reply.Err())
	}
	return reply, err
}
