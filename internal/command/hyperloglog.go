// HyperLogLogs: estimates of how many distinct elements were seen, kept in strings.
//
// A dense one, whose length never changes, is edited where it lies. A sparse one is edited in a copy,
// so that damaged runs met half-way leave the key as it was. The estimate of a single key is kept in
// the string by the command that asks for it, which counts as a change: clients see it with GET.

package command

import (
	"tarn/internal/hyperloglog"
	"tarn/internal/keyspace"
	"tarn/internal/resp"
)

func pfAdd(c *Call) error {
	k := c.Write(1)
	value, err := hllBytes(&k)
	if err != nil {
		return err
	}
	if value != nil && hyperloglog.IsDense(value) {
		return c.addToDense(&k, value)
	}
	changes := int64(0)
	value = append(c.Scratch(), value...)
	if !k.Exists() {
		value, changes = hyperloglog.AppendNew(value), 1
	}
	e := hyperloglog.Edit(value, c.sparseMax())
	added, err := addAll(&e, c.Args[2:])
	if err != nil {
		return err
	}
	if changes += added; changes > 0 {
		hyperloglog.Outdate(e.Bytes())
		if err := c.storeHLL(&k, e.Bytes()); err != nil {
			return err
		}
		k.ChangedBy("pfadd", changes)
	}
	c.Reply.Int(min(changes, 1))
	return nil
}

// addToDense is PFADD to a dense HyperLogLog, which is not touched unless it changes.
func (c *Call) addToDense(k *keyspace.Key, value []byte) error {
	elems := c.Args[2:]
	for len(elems) > 0 && !hyperloglog.Adds(value, elems[0]) {
		elems = elems[1:]
	}
	if len(elems) == 0 {
		c.Reply.Int(0)
		return nil
	}
	value, err := k.Resize(len(value))
	if err != nil {
		return err
	}
	e := hyperloglog.Edit(value, 0)
	changes, err := addAll(&e, elems)
	if err != nil {
		return err
	}
	k.ChangedBy("pfadd", changes)
	c.Reply.Int(1)
	return nil
}

// addAll adds elements and returns how many changed a register.
func addAll(e *hyperloglog.Editor, elems [][]byte) (changes int64, err error) {
	for _, elem := range elems {
		changed, err := e.Add(elem)
		if err != nil {
			return changes, ErrCorruptHLL
		}
		if changed {
			changes++
		}
	}
	return changes, nil
}

func pfCount(c *Call) error {
	if len(c.Args) > 2 {
		return pfCountUnion(c)
	}
	k := c.Read(1)
	value, err := hllBytes(&k)
	if err != nil {
		return err
	}
	if value == nil {
		c.Reply.Int(0)
		return nil
	}
	n, ok := hyperloglog.Cached(value)
	if !ok {
		if n, err = hyperloglog.Estimate(value); err != nil {
			return ErrCorruptHLL
		}
		// Where there is no memory to keep the estimate, it is computed again next time.
		if value, err = k.Resize(len(value)); err == nil {
			hyperloglog.SetCached(value, n)
			k.Changed("")
		}
	}
	c.Reply.Int(int64(n))
	return nil
}

// pfCountUnion replies with the estimate for all keys together, which no string keeps.
func pfCountUnion(c *Call) error {
	var all hyperloglog.Ranks
	for i := 1; i < len(c.Args); i++ {
		if _, err := c.mergeHLL(i, &all); err != nil {
			return err
		}
	}
	c.Reply.Int(int64(all.Estimate()))
	return nil
}

// pfMerge makes the first key the union of all, itself included; it becomes dense when any is.
func pfMerge(c *Call) error {
	var all hyperloglog.Ranks
	dense := false
	for i := 1; i < len(c.Args); i++ {
		d, err := c.mergeHLL(i, &all)
		if err != nil {
			return err
		}
		dense = dense || d
	}
	k := c.Write(1)
	value := append(c.Scratch(), k.StringBytes(nil)...)
	if !k.Exists() {
		value = hyperloglog.AppendNew(value)
	}
	e := hyperloglog.Edit(value, c.sparseMax())
	if dense {
		if err := e.MakeDense(); err != nil {
			return ErrCorruptHLL
		}
	}
	if err := e.RaiseAll(&all); err != nil {
		return ErrCorruptHLL
	}
	hyperloglog.Outdate(e.Bytes())
	if err := c.storeHLL(&k, e.Bytes()); err != nil {
		return err
	}
	k.Changed("pfadd")
	c.Reply.OK()
	return nil
}

// pfDebugActions are the subcommands of PFDEBUG.
var pfDebugActions = []struct {
	name string
	run  func(c *Call, k *keyspace.Key, value []byte) error
}{
	{"GETREG", pfDebugGetReg},
	{"DECODE", pfDebugDecode},
	{"ENCODING", pfDebugEncoding},
	{"TODENSE", pfDebugToDense},
}

func pfDebug(c *Call) error {
	k := c.Write(2)
	if !k.Exists() {
		return ErrHLLAbsent
	}
	value, err := hllBytes(&k)
	if err != nil {
		return err
	}
	for _, action := range pfDebugActions {
		if isToken(c.Args[1], action.name) {
			return action.run(c, &k, value)
		}
	}
	return resp.Error("ERR Unknown PFDEBUG subcommand '" + quoted(c.Args[1]) + "'")
}

// pfDebugGetReg replies with all registers, and makes the HyperLogLog dense.
func pfDebugGetReg(c *Call, k *keyspace.Key, value []byte) error {
	var all hyperloglog.Ranks
	if err := all.Merge(value); err != nil {
		return ErrCorruptHLL
	}
	if _, err := c.makeDense(k, value); err != nil {
		return err
	}
	c.Reply.Array(len(all))
	for _, rank := range all {
		c.Reply.Int(int64(rank))
	}
	return nil
}

func pfDebugDecode(c *Call, _ *keyspace.Key, value []byte) error {
	if hyperloglog.IsDense(value) {
		return ErrHLLNotSparse
	}
	text := hyperloglog.AppendRuns(c.Scratch(), value)
	c.KeepScratch(text)
	c.Reply.Bulk(text)
	return nil
}

func pfDebugEncoding(c *Call, _ *keyspace.Key, value []byte) error {
	if hyperloglog.IsDense(value) {
		c.Reply.Simple("dense")
	} else {
		c.Reply.Simple("sparse")
	}
	return nil
}

func pfDebugToDense(c *Call, k *keyspace.Key, value []byte) error {
	converted, err := c.makeDense(k, value)
	if err != nil {
		return err
	}
	if converted {
		c.Reply.Int(1)
	} else {
		c.Reply.Int(0)
	}
	return nil
}

func pfSelfTest(c *Call) error {
	if err := hyperloglog.SelfTest(); err != nil {
		return resp.Error(err.Error())
	}
	c.Reply.OK()
	return nil
}

// hllBytes returns the HyperLogLog at a key, nil when the key is absent; borrowed until it changes.
// Errors: keyspace.ErrWrongType, ErrNotHLL.
func hllBytes(k *keyspace.Key) ([]byte, error) {
	if err := k.CheckType(keyspace.String); err != nil {
		return nil, err
	}
	if !k.Exists() {
		return nil, nil
	}
	if k.IsInt() {
		return nil, ErrNotHLL
	}
	value := k.StringBytes(nil)
	if !hyperloglog.Check(value) {
		return nil, ErrNotHLL
	}
	return value, nil
}

// mergeHLL merges the HyperLogLog at the key at argument i into all, and tells whether it is dense.
func (c *Call) mergeHLL(i int, all *hyperloglog.Ranks) (dense bool, err error) {
	k := c.Read(i)
	value, err := hllBytes(&k)
	if err != nil || value == nil {
		return false, err
	}
	if all.Merge(value) != nil {
		return false, ErrCorruptHLL
	}
	return hyperloglog.IsDense(value), nil
}

// makeDense makes the HyperLogLog at a key dense, and tells whether it was not.
func (c *Call) makeDense(k *keyspace.Key, value []byte) (converted bool, err error) {
	if hyperloglog.IsDense(value) {
		return false, nil
	}
	e := hyperloglog.Edit(append(c.Scratch(), value...), 0)
	if e.MakeDense() != nil {
		return false, ErrCorruptHLL
	}
	if err := c.storeHLL(k, e.Bytes()); err != nil {
		return false, err
	}
	k.Changed("")
	return true, nil
}

// storeHLL makes the key hold b, which has grown in the call's scratch buffer.
func (c *Call) storeHLL(k *keyspace.Key, b []byte) error {
	c.KeepScratch(b)
	var value []byte
	var err error
	if k.Exists() {
		value, err = k.Resize(len(b))
	} else {
		value, err = k.MakeString(len(b), keyspace.NoDeadline)
	}
	copy(value, b)
	return err
}

func (c *Call) sparseMax() int { return int(c.Env.Config.Current().HLLSparseMaxBytes) }
