package lua

// specialize puts faster instructions in the place of general ones, where the operands are known to be registers or
// constants of a certain type.
func specialize(p *proto) {
	for at := range p.code {
		i := &p.code[at]
		b, c := i.b(), i.c()
		switch op := i.op(); op {
		case opGetTable:
			if !isConst(c) {
				i.setOp(opGetIndex)
			} else if p.k[c&^constFlag].isString() {
				i.setOp(opGetField)
			}
		case opSetTable:
			if !isConst(b) {
				i.setOp(opSetIndex)
			} else if p.k[b&^constFlag].isString() {
				i.setOp(opSetField)
			}
		case opAdd, opSub, opMul, opDiv:
			if isConst(b) {
				break
			}
			if !isConst(c) {
				i.setOp(opAddRR + op - opAdd)
			} else if op != opDiv && p.k[c&^constFlag].IsNumber() {
				i.setOp(opAddRK + op - opAdd)
			}
		case opMod:
			if !isConst(b) && isConst(c) && p.k[c&^constFlag].IsNumber() {
				i.setOp(opModRK)
			}
		case opLt, opLe:
			if !isConst(b) && !isConst(c) {
				i.setOp(opLtRR + op - opLt)
			}
		case opEq:
			if !isConst(b) && isConst(c) {
				i.setOp(opEqRK)
			}
		}
	}
}
