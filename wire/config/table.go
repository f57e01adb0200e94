package config

import (
	"fmt"
	"strings"
)

var (
	// rows is the table of all parameters, in the order CONFIG GET and CONFIG REWRITE walk it.
	rows []Row
	// byName finds a row's index by either name, lower case.
	byName map[string]int
)

// The rows' checks look at other rows, so the table cannot be a plain initialised variable.
func init() {
	rows = buildRows(networkRows, generalRows, persistenceRows, memoryRows, replicationRows, clusterRows, tlsRows, debugRows, ownRows)
	byName = indexRows(rows)
}

func buildRows(groups ...[]Row) []Row {
	var all []Row
	for _, g := range groups {
		all = append(all, g...)
	}
	for i := range all {
		r := &all[i]
		if _, ok := r.kind.(directory); ok {
			continue
		}
		v, err := r.parseInitial()
		if err != nil {
			panic(fmt.Sprintf("config: default of %s: %v", r.Name, err))
		}
		r.Default = r.kind.show(v)
	}
	return all
}

// parseInitial reads the row's own default.
func (r *Row) parseInitial() (value, error) {
	var old value
	if _, ok := r.kind.(bufferLimits); ok {
		old.list = make([]string, 3*len(clientClasses))
	}
	args := []string{r.initial}
	if r.Is(Several) && r.initial != "" {
		args = strings.Split(r.initial, " ")
	}
	if _, ok := r.kind.(primary); ok && r.initial == "" {
		return value{}, nil
	}
	return r.kind.parse(args, old)
}

func indexRows(rows []Row) map[string]int {
	m := make(map[string]int, 2*len(rows))
	for i := range rows {
		m[rows[i].Name] = i
		if a := rows[i].Alias; a != "" {
			m[a] = i
		}
	}
	return m
}

// Lookup finds a parameter by name or alias in any case.
func Lookup(name string) (*Row, bool) {
	i, ok := byName[strings.ToLower(name)]
	if !ok {
		return nil, false
	}
	return &rows[i], true
}

// Rows returns all parameters, hidden ones too. The rows must not be changed.
func Rows() []Row { return rows }

// Pending returns the parameters that the server does not act on yet.
func Pending() []Row {
	var out []Row
	for i := range rows {
		if rows[i].Pending != "" {
			out = append(out, rows[i])
		}
	}
	return out
}
