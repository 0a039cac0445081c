import { describe, expect, it } from 'vitest';
import { parseEinsum } from './einsum.ts';

describe('parseEinsum reads', () => {
  it.each([
    [
      'ij,jk->ik',
      [2, 2],
      [
        ['i', 'j'],
        ['j', 'k'],
      ],
      ['i', 'k'],
    ],
    [
      ' b i j , bjk ->  bik',
      [3, 3],
      [
        ['b', 'i', 'j'],
        ['b', 'j', 'k'],
      ],
      ['b', 'i', 'k'],
    ],
    // Without an output: what occurs once, in alphabetical order.
    [
      'kj,ji',
      [2, 2],
      [
        ['k', 'j'],
        ['j', 'i'],
      ],
      ['i', 'k'],
    ],
    ['ij->', [2], [['i', 'j']], []],
    [
      '...ij,...jk->...ik',
      [4, 4],
      [
        ['…1', '…0', 'i', 'j'],
        ['…1', '…0', 'j', 'k'],
      ],
      ['…1', '…0', 'i', 'k'],
    ],
    [
      'i...,j...',
      [3, 3],
      [
        ['i', '…1', '…0'],
        ['j', '…1', '…0'],
      ],
      ['…1', '…0', 'i', 'j'],
    ],
    ['...i->...i', [1], [['i']], ['i']],
    [',i->i', [0, 1], [[], ['i']], ['i']],
  ])('%s', (equation, ranks, inputs, output) => {
    expect(parseEinsum(equation, ranks, 'node')).toEqual({ inputs, output });
  });
});

describe('parseEinsum refuses', () => {
  it.each([
    ['ij->i->j', [2], 'node: more than one arrow in an equation; received "ij->i->j"'],
    ['ij', [2, 2], 'an equation needs one term for each operand; expected 2 terms, received "ij"'],
    ['ii->i', [2], 'label i stands twice in one term; received the term "ii"'],
    ['ij->ii', [2], 'label i stands twice in one term; received the term "ii"'],
    ['i1->i', [2], 'an Einsum term consists of letters and an ellipsis; received the term "i1"'],
    ['i..->i', [2], 'an Einsum term consists of letters and an ellipsis; received the term "i.."'],
    ['...i...->i', [3], 'more than one ellipsis in a term; received the term "...i..."'],
    ['ijk->i', [2], 'the term does not fit the rank of its operand; received the term "ijk"'],
    ['ij->i', [3], 'the term does not fit the rank of its operand; received the term "ij"'],
    ['...ijk->i', [2], 'the term does not fit the rank of its operand; received the term "...ijk"'],
    ['ij->ik', [2], 'label k of the output is in no operand; received "ij->ik"'],
    ['...i,...i->...', [2, 3], 'the ellipses cover different numbers of axes; received "...i,...i->..."'],
    ['...i->i', [2], 'the output drops the axes of the ellipsis; expected an ellipsis in it, received "...i->i"'],
    [
      'aB',
      [2],
      'an equation without output mixes small and capital letters; expected the output after ->, received "aB"',
    ],
  ])('%s of ranks %j', (equation, ranks, message) => {
    expect(() => parseEinsum(equation, ranks, 'node')).toThrow(message);
  });
});
