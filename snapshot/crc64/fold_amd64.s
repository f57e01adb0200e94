#include "textflag.h"

// func fold(crc uint64, p *byte, n int, k *[4]uint64, end *[16]byte)
//
// X0 to X3 hold four neighbouring pieces of sixteen bytes. Each step moves them over 64 bytes (X8: what the two halves of a piece are
// multiplied by) and adds the next 64. At the end each is moved over sixteen bytes (X9) and added to the next.
TEXT ·fold(SB), NOSPLIT, $0-40
	MOVQ crc+0(FP), AX
	MOVQ p+8(FP), SI
	MOVQ n+16(FP), CX
	MOVQ k+24(FP), DX
	MOVOU (DX), X8
	MOVOU 16(DX), X9
	MOVQ AX, X4
	MOVOU (SI), X0
	MOVOU 16(SI), X1
	MOVOU 32(SI), X2
	MOVOU 48(SI), X3
	PXOR X4, X0
	ADDQ $64, SI
	SUBQ $64, CX
	CMPQ CX, $64
	JLT  join

step:
	MOVOU X0, X4
	MOVOU X1, X5
	MOVOU X2, X6
	MOVOU X3, X7
	PCLMULQDQ $0x00, X8, X0
	PCLMULQDQ $0x00, X8, X1
	PCLMULQDQ $0x00, X8, X2
	PCLMULQDQ $0x00, X8, X3
	PCLMULQDQ $0x11, X8, X4
	PCLMULQDQ $0x11, X8, X5
	PCLMULQDQ $0x11, X8, X6
	PCLMULQDQ $0x11, X8, X7
	MOVOU (SI), X10
	MOVOU 16(SI), X11
	MOVOU 32(SI), X12
	MOVOU 48(SI), X13
	PXOR X4, X0
	PXOR X5, X1
	PXOR X6, X2
	PXOR X7, X3
	PXOR X10, X0
	PXOR X11, X1
	PXOR X12, X2
	PXOR X13, X3
	ADDQ $64, SI
	SUBQ $64, CX
	CMPQ CX, $64
	JGE  step

join:
	MOVOU X0, X4
	PCLMULQDQ $0x00, X9, X0
	PCLMULQDQ $0x11, X9, X4
	PXOR X0, X1
	PXOR X4, X1
	MOVOU X1, X4
	PCLMULQDQ $0x00, X9, X1
	PCLMULQDQ $0x11, X9, X4
	PXOR X1, X2
	PXOR X4, X2
	MOVOU X2, X4
	PCLMULQDQ $0x00, X9, X2
	PCLMULQDQ $0x11, X9, X4
	PXOR X2, X3
	PXOR X4, X3
	MOVQ end+32(FP), DI
	MOVOU X3, (DI)
	RET
