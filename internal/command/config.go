// CONFIG: reading and changing directives, and zeroing statistics.

package command

import (
	"strings"

	"tarn/internal/config"
)

// configGet replies with the directives that match a pattern.
func configGet(c *Call) error {
	patterns := make([]string, len(c.Args)-2)
	for i, arg := range c.Args[2:] {
		patterns[i] = string(arg)
	}
	found := c.Env.Config.Get(patterns...)
	c.Reply.Map(len(found))
	for _, pair := range found {
		writeText(c.Reply, pair.Name, pair.Value)
	}
	return nil
}

// configResetStat zeroes what INFO counts.
func configResetStat(c *Call) error {
	c.Env.Keyspace.ResetStats()
	c.Env.Commands.Reset()
	c.Env.Errors.Reset()
	c.Env.Host.ResetStats()
	c.Reply.OK()
	return nil
}

func configRewrite(c *Call) error {
	if err := c.Env.Config.Rewrite(false); err != nil {
		c.Env.Host.Warn("CONFIG REWRITE failed: " + strings.TrimPrefix(err.Error(), "ERR Rewriting config file: "))
		return err
	}
	c.Env.Host.Log("CONFIG REWRITE executed with success.")
	c.Reply.OK()
	return nil
}

// configSet changes all the directives named, or none.
func configSet(c *Call) error {
	if len(c.Args)%2 != 0 {
		return ErrSyntax
	}
	pairs := make([]config.Pair, 0, len(c.Args)/2-1)
	for i := 2; i < len(c.Args); i += 2 {
		name := string(c.Args[i])
		pairs = append(pairs, config.Pair{Name: name, Value: string(c.Args[i+1])})
		if d := config.Lookup(name); d != nil && d.Secret {
			c.redact(i + 1)
		}
	}
	rights := config.Rights{
		Protected: c.Env.Config.Current().EnableProtectedConfigs.Allows(c.Session.IsLocal()),
		Loading:   c.Env.Exec.IsLoading(),
	}
	c.Env.Saver.Transaction(c.InExec)
	if err := c.Env.Config.Set(pairs, rights); err != nil {
		return err
	}
	c.Reply.OK()
	return nil
}
