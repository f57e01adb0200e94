package lua

// RegisterDeprecated adds getfenv, setfenv and newproxy to the global variables: Redis has them only where
// lua-enable-deprecated-api is on.
func (l *State) RegisterDeprecated() {
	l.Register(l.Globals(), map[string]Function{"getfenv": baseGetfenv, "setfenv": baseSetfenv, "newproxy": baseNewproxy})
}

// proxy is the data of what newproxy returns.
type proxy struct{}

// envFunction is the function that the first argument of getfenv and setfenv names: itself, or its level.
func (l *State) envFunction(optional bool) *Closure {
	if c := l.Arg(1).Closure(); c != nil {
		return c
	}
	var level int
	if optional {
		level = l.OptInt(1, 1)
	} else {
		level = l.CheckInt(1)
	}
	if level < 0 {
		l.ArgError(1, "level must be non-negative")
	}
	f, left := l.ci, level
	for ; left > 0 && f.closure != nil; f = f.prev {
		left--
		if !f.closure.flag {
			left -= f.tails
		}
	}
	if left < 0 {
		l.Errorf("no function environment for tail call at level %d", level)
	}
	if left > 0 || f.closure == nil {
		l.ArgError(1, "invalid level")
	}
	return f.closure
}

func baseGetfenv(l *State) int {
	c := l.envFunction(true)
	if c.flag {
		l.Push(l.g.env.Value()) // functions of the host have none of their own
	} else {
		l.Push(c.env.Value())
	}
	return 1
}

// baseSetfenv refuses level 0, too: the global variables of the thread belong to the host, which all scripts share.
func baseSetfenv(l *State) int {
	env := l.CheckTable(2)
	c := l.envFunction(false)
	if c.flag {
		l.Errorf("'setfenv' cannot change environment of given object")
	}
	c.env = env
	l.Push(c.Value())
	return 1
}

// baseNewproxy returns an empty userdata: without a metatable, with one of its own, or with that of another proxy.
func baseNewproxy(l *State) int {
	var meta *Table
	v := l.Arg(1)
	if v.IsTrue() {
		if v.Kind() == KindBool {
			meta = l.NewTable(0, 0)
		} else {
			if v.Kind() == KindUserdata {
				if _, ok := v.Userdata().Data.(proxy); ok {
					meta = v.Userdata().meta
				}
			}
			if meta == nil {
				l.ArgError(1, "boolean or proxy expected")
			}
		}
	}
	l.Push(l.NewUserdata(proxy{}, meta).Value())
	return 1
}
