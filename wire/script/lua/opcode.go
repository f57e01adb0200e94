package lua

// opcode is what an instruction does. R(x) is a register, K(x) a constant, RK(x) either.
type opcode uint8

const (
	opMove      opcode = iota // R(A) = R(B)
	opLoadK                   // R(A) = K(C)
	opLoadBool                // R(A) = B != 0; if C != 0 skip the next instruction
	opLoadNil                 // R(A) to R(B) = nil
	opGetUpval                // R(A) = upvalue B
	opGetGlobal               // R(A) = globals[K(C)]
	opGetTable                // R(A) = R(B)[RK(C)]
	opSetGlobal               // globals[K(C)] = R(A)
	opSetUpval                // upvalue B = R(A)
	opSetTable                // R(A)[RK(B)] = RK(C)
	opNewTable                // R(A) = {} with room for B array and C hash fields
	opSelf                    // R(A+1) = R(B); R(A) = R(B)[RK(C)]
	opAdd                     // R(A) = RK(B) + RK(C), and so on
	opSub
	opMul
	opDiv
	opMod
	opPow
	opUnm      // R(A) = -R(B)
	opNot      // R(A) = not R(B)
	opLen      // R(A) = #R(B)
	opConcat   // R(A) = R(B) .. ... .. R(C)
	opJmp      // go on C instructions further
	opEq       // if (RK(B) == RK(C)) != (A != 0) skip the next instruction, which is a jump
	opLt       // the same with <
	opLe       // the same with <=
	opTest     // if R(A) is true != (C != 0) skip the next instruction, which is a jump
	opTestSet  // if R(B) is true == (C != 0) R(A) = R(B), else skip the next instruction, which is a jump
	opCall     // R(A), ... R(A+C-2) = R(A)(R(A+1), ... R(A+B-1)); B = 0: up to the top, C = 0: set the top
	opTailCall // return R(A)(R(A+1), ... R(A+B-1))
	opReturn   // return R(A), ... R(A+B-2); B = 0: up to the top
	opForLoop  // R(A) += R(A+2); if it is within R(A+1) then R(A+3) = R(A) and jump by C
	opForPrep  // check the three numbers, R(A) -= R(A+2), jump by C
	opTForLoop // R(A+3), ... R(A+2+C) = R(A)(R(A+1), R(A+2)); if R(A+3) is nil skip the next instruction, else R(A+2) = R(A+3)
	opSetList  // R(A)[(C-1)*50+i] = R(A+i) for i from 1 to B; B = 0: up to the top
	opClose    // close all upvalues from R(A) on
	opClosure  // R(A) = a closure of the prototype C
	opVararg   // R(A), ... R(A+B-2) = ...; B = 0: all, and set the top

	// What follows is never emitted but put in place of others when a function is complete, see specialize.go.
	opGetField // opGetTable whose C is a string constant
	opSetField // opSetTable whose B is a string constant
	opAddRR    // opAdd of two registers, and so on
	opSubRR    //
	opMulRR    //
	opDivRR    //
	opAddRK    // opAdd of a register and a number constant
	opSubRK    //
	opMulRK    //
	opModRK    //
	opLtRR     // opLt of two registers
	opLeRR     //
	opEqRK     // opEq of a register and a constant
	opGetIndex // opGetTable whose C is a register
	opSetIndex // opSetTable whose B is a register

	opTrap // tell the tracer, then do what proto.ops has at this place, see trace.go
)

// instruction holds opcode, A (8 bits), B (16 bits) and C (32 bits, signed).
type instruction uint64

func encode(op opcode, a, b, c int) instruction {
	return instruction(op) | instruction(uint8(a))<<8 | instruction(uint16(b))<<16 | instruction(uint32(c))<<32
}

func (i instruction) op() opcode { return opcode(i) }
func (i instruction) a() uint8   { return uint8(i >> 8) }
func (i instruction) b() int     { return int(uint16(i >> 16)) }
func (i instruction) c() int     { return int(int32(i >> 32)) }

func (i *instruction) setOp(op opcode) { *i = *i&^0xff | instruction(op) }
func (i *instruction) setA(a int)      { *i = *i&^(0xff<<8) | instruction(uint8(a))<<8 }
func (i *instruction) setB(b int)      { *i = *i&^(0xffff<<16) | instruction(uint16(b))<<16 }
func (i *instruction) setC(c int)      { *i = *i&(1<<32-1) | instruction(uint32(c))<<32 }

const (
	constFlag    = 256 // in an RK operand: it is a constant
	maxConstRK   = 255 // the last constant that fits
	maxRegisters = 250
	noRegister   = 255
	fieldsPerSet = 50 // items opSetList stores at once
)

func isConst(rk int) bool { return rk&constFlag != 0 }

// proto is a compiled function.
type proto struct {
	code     []instruction
	k        []Value
	protos   []*proto
	lines    []int32  // of each instruction
	ops      []opcode // what traps stand for; nil: there are none
	upvals   []upvalDesc
	locals   []localVar // for error messages
	source   string     // chunk name
	line     int        // where the function begins, 0 for a chunk
	lastLine int
	params   int
	nilStart bool // begins with an opLoadNil that the original does without: its registers are nil at first
	needsArg bool // a table "arg" with the varargs is to be made
	vararg   bool
	stack    int // registers needed
	size     int // bytes, see memory.go
	mark     uint16
}

// upvalDesc says where a new closure finds an upvalue: in a register of the enclosing function or among its upvalues.
type upvalDesc struct {
	name    string
	inStack bool
	index   uint8
}

// localVar is a local variable and the instructions it lives for.
type localVar struct {
	name       string
	start, end int
}

// localName is the name of the variable in a register at pc, if there is one.
func (p *proto) localName(register, pc int) string {
	for _, v := range p.locals {
		if v.start > pc {
			break
		}
		if pc < v.end {
			if register == 0 {
				return v.name
			}
			register--
		}
	}
	return ""
}
