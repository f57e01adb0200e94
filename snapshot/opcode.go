package snapshot

import "fmt"

// What a snapshot holds besides keys is kept in memory until it is read to its end; these bounds are far above anything
// a server writes and keep a hostile file from filling the memory with it.
const (
	maxAuxFields    = 1024
	maxAuxBytes     = 1 << 20
	maxFunctions    = 1 << 16
	maxModuleNames  = 1024
	maxModulePieces = 1 << 32
)

// readAux keeps one aux field. A name that begins with '%' is a remark of the writer; nothing else is special.
func (r *Reader) readAux() error {
	r.watch(Step{Doing: ReadingAux})
	name, err := r.text("aux field name", maxAuxBytes)
	if err != nil {
		return err
	}
	value, err := r.text("aux field "+name, maxAuxBytes)
	if err != nil {
		return err
	}
	if len(r.info.Aux) == maxAuxFields {
		return corrupt("more than %d aux fields", maxAuxFields)
	}
	r.info.Aux = append(r.info.Aux, AuxField{name, value})
	r.watch(Step{Doing: HaveAux, Name: []byte(name), Value: []byte(value)})
	return nil
}

// readFunction keeps one function library as it is.
func (r *Reader) readFunction() error {
	r.watch(Step{Doing: ReadingFunction})
	s, err := r.readString(nil, "function library")
	if err != nil {
		return err
	}
	if s.isInt {
		return corrupt("function library: an integer")
	}
	if len(r.info.Functions) == maxFunctions {
		return corrupt("more than %d function libraries", maxFunctions)
	}
	r.info.Functions = append(r.info.Functions, s.bytes)
	return nil
}

// skipModuleAux passes over a module's data, which is a list of typed pieces.
func (r *Reader) skipModuleAux() error {
	r.watch(Step{Doing: ReadingModuleAux})
	id, err := r.plainLen("module id")
	if err != nil {
		return err
	}
	name := moduleName(id)
	r.watch(Step{Doing: HaveModule, Name: []byte(name)})
	whenOp, err := r.plainLen("module data")
	if err != nil {
		return err
	}
	if whenOp != moduleUInt {
		return corrupt("module %s: piece of kind %d instead of %d", name, whenOp, moduleUInt)
	}
	if _, err := r.plainLen("module data"); err != nil {
		return err
	}
	if err := r.skipPieces(name); err != nil {
		return err
	}
	if len(r.info.Modules) == maxModuleNames {
		return corrupt("data of more than %d modules", maxModuleNames)
	}
	r.info.Modules = append(r.info.Modules, name)
	return nil
}

// readModule passes over the value of a module's type, or says that it cannot be loaded.
func (r *Reader) readModule(typ byte, item *Item) error {
	if typ == typeModule {
		return &Error{Err: ErrUnsupported, Reason: "Pre-release module format not supported"}
	}
	id, err := r.plainLen("module id")
	if err != nil {
		return err
	}
	item.Module = moduleName(id)
	if !r.o.SkipModules {
		return &Error{Err: ErrUnsupported,
			Reason: fmt.Sprintf("The RDB file contains module data I can't load: no matching module type '%s'", item.Module)}
	}
	return r.skipPieces(item.Module)
}

// skipPieces passes over pieces of a module's data up to their end.
func (r *Reader) skipPieces(name string) error {
	for range int64(maxModulePieces) {
		kind, err := r.plainLen("module data")
		if err != nil {
			return err
		}
		switch kind {
		case moduleEnd:
			return nil
		case moduleSInt, moduleUInt:
			_, err = r.plainLen("module data")
		case moduleFloat:
			err = r.src.skip(4)
		case moduleDouble:
			err = r.src.skip(8)
		case moduleString:
			err = r.skipString("module data")
		default:
			err = corrupt("module %s: piece of unknown kind %d", name, kind)
		}
		if err != nil {
			return err
		}
	}
	return corrupt("module %s: too many pieces", name)
}

// skipString passes over a string without keeping it.
func (r *Reader) skipString(what string) error {
	n, encoded, err := r.src.readLen()
	if err != nil {
		return err
	}
	if !encoded {
		return r.src.skip(n)
	}
	switch n {
	case encInt8:
		return r.src.skip(1)
	case encInt16:
		return r.src.skip(2)
	case encInt32:
		return r.src.skip(4)
	case encLZF:
		packed, err := r.plainLen(what)
		if err != nil {
			return err
		}
		if _, err := r.plainLen(what); err != nil {
			return err
		}
		return r.src.skip(packed)
	}
	return corrupt("%s: unknown string encoding %d", what, n)
}

// moduleName decodes a module type id: nine characters of six bits, then a ten bit version.
func moduleName(id uint64) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	var name [9]byte
	id >>= 10
	for i := len(name) - 1; i >= 0; i-- {
		name[i] = alphabet[id&63]
		id >>= 6
	}
	return string(name[:])
}
