// BACKUP: verified copies of the data set. Redis has no such command; the manners are those of BGSAVE and
// BGREWRITEAOF.

package command

func backupCancel(c *Call) error {
	if err := c.Env.Saver.CancelBackup(); err != nil {
		return err
	}
	c.Reply.Simple("Background backup cancelled")
	return nil
}

// backupList replies with a map for each backup.
func backupList(c *Call) error {
	type backup struct {
		name, state    string
		seconds, bytes int64
	}
	var list []backup
	err := c.Env.Saver.EachBackup(func(name, state string, seconds, bytes int64) {
		list = append(list, backup{name, state, seconds, bytes})
	})
	if err != nil {
		return err
	}
	c.Reply.Array(len(list))
	for _, b := range list {
		c.Reply.Map(4)
		c.Reply.BulkString("name")
		c.Reply.BulkString(b.name)
		c.Reply.BulkString("status")
		c.Reply.BulkString(b.state)
		c.Reply.BulkString("time")
		c.Reply.Int(b.seconds)
		c.Reply.BulkString("bytes")
		c.Reply.Int(b.bytes)
	}
	return nil
}

// backupNow starts a backup. Inside a transaction it is put off to its end, as a save is.
func backupNow(c *Call) error {
	scheduled, err := c.Env.Saver.Backup(c.Tx, c.InExec)
	switch {
	case err != nil:
		return err
	case scheduled:
		c.Reply.Simple("Background backup scheduled")
	default:
		c.Reply.Simple("Background backup started")
	}
	return nil
}

// backupVerify replies with how many backups will be read.
func backupVerify(c *Call) error {
	name := ""
	switch len(c.Args) {
	case 2:
	case 3:
		if name = string(c.Args[2]); name == "" {
			return ErrSyntax
		}
	default:
		return ErrSyntax
	}
	files, err := c.Env.Saver.VerifyBackups(name)
	if err != nil {
		return err
	}
	c.Reply.Int(int64(files))
	return nil
}
