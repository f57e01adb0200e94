package engine

// KeyPositions says which arguments of a command are keys. known is false when there is no such command, or it does not fit.
func (t *Table) KeyPositions(argv [][]byte) (at []int, known bool) {
	s := t.Lookup(argv[0])
	if s != nil && len(s.Sub) > 0 && len(argv) > 1 {
		s = s.Subcommand(argv[1])
	}
	if s == nil {
		return nil, false
	}
	if len(s.Keys) == 0 && s.GetKeys == nil {
		return nil, true
	}
	keys, ok := s.FindKeys(argv)
	for _, k := range keys {
		at = append(at, k.Pos)
	}
	return at, ok
}
