// SPDX-License-Identifier: GPL-2.0

//! Takes a line of a program apart, from left to right.

use super::{
    lexer::{
        self,
        Token, //
    },
    model::{
        Fault,
        Position, //
    },
    names::Names,
    source::{
        Address,
        Base, //
    }, //
};

/// The rest of a line.
pub(super) struct Cursor {
    line: usize,
    tokens: std::vec::IntoIter<(usize, Token)>,
    end: usize,
}

impl Cursor {
    pub(super) fn new(line: &str, number: usize) -> Result<Self, Fault> {
        Ok(Self {
            line: number,
            tokens: lexer::tokens(line, number)?.into_iter(),
            end: line.trim_end().chars().count() + 1,
        })
    }

    /// Returns the position of the next token, or of the end of the line.
    pub(super) fn at(&self) -> Position {
        let column = match self.tokens.as_slice() {
            [(column, _), ..] => *column,
            [] => self.end,
        };
        Position {
            line: self.line,
            column,
        }
    }

    pub(super) fn peek(&self) -> Option<&Token> {
        self.tokens.as_slice().first().map(|(_, token)| token)
    }

    pub(super) fn peek_second(&self) -> Option<&Token> {
        self.tokens.as_slice().get(1).map(|(_, token)| token)
    }

    pub(super) fn next(&mut self) -> Option<Token> {
        self.tokens.next().map(|(_, token)| token)
    }

    /// Returns an error at the next token, with what was expected there and what was found.
    pub(super) fn expected<T>(&self, what: &str) -> Result<T, Fault> {
        let there = match self.peek() {
            Some(token) => token.show(),
            None => "the end of the line".to_owned(),
        };
        Err((self.at(), format!("expected {what}, found {there}")))
    }

    pub(super) fn is_end(&self) -> bool {
        self.peek().is_none()
    }

    pub(super) fn end(&self) -> Result<(), Fault> {
        if self.is_end() {
            Ok(())
        } else {
            self.expected("the end of the line")
        }
    }

    /// Takes this symbol if it is next.
    pub(super) fn take(&mut self, symbol: char) -> bool {
        let is_next = self.peek() == Some(&Token::Symbol(symbol));
        if is_next {
            self.next();
        }
        is_next
    }

    /// Takes this word if it is next, in capitals or not.
    pub(super) fn take_word(&mut self, word: &str) -> bool {
        let is_next =
            matches!(self.peek(), Some(Token::Word(next)) if next.eq_ignore_ascii_case(word));
        if is_next {
            self.next();
        }
        is_next
    }

    pub(super) fn symbol(&mut self, symbol: char) -> Result<(), Fault> {
        if self.take(symbol) {
            Ok(())
        } else {
            self.expected(&format!("\"{symbol}\""))
        }
    }

    pub(super) fn word(&mut self, what: &str) -> Result<String, Fault> {
        match self.peek() {
            Some(Token::Word(word)) => {
                let word = word.clone();
                self.next();
                Ok(word)
            }
            _ => self.expected(what),
        }
    }

    /// Takes a name of an area or label: a letter, then letters, digits and underscores.
    pub(super) fn name(&mut self, what: &str) -> Result<String, Fault> {
        match self.peek() {
            Some(Token::Word(word)) if is_name(word) => self.word(what),
            _ => self.expected(what),
        }
    }

    pub(super) fn quoted(&mut self, what: &str) -> Result<String, Fault> {
        match self.peek() {
            Some(Token::Quoted(text)) => {
                let text = text.clone();
                self.next();
                Ok(text)
            }
            _ => self.expected(what),
        }
    }

    pub(super) fn constant(&mut self, what: &str) -> Result<Vec<u8>, Fault> {
        match self.peek() {
            Some(Token::Constant(bytes)) => {
                let bytes = bytes.clone();
                self.next();
                Ok(bytes)
            }
            _ => self.expected(what),
        }
    }

    /// Takes a number that is at most `max`: 4096, 4K, 0x1000 or X'1000'.
    pub(super) fn number<T: TryFrom<u64>>(&mut self, what: &str, max: u64) -> Result<T, Fault> {
        let at = self.at();
        let number = match self.peek() {
            Some(Token::Word(word)) => number(word),
            Some(Token::Constant(bytes)) => from_bytes(bytes),
            _ => None,
        };
        let Some(number) = number else {
            return self.expected(what);
        };
        self.next();
        let narrow = T::try_from(number).ok().filter(|_| number <= max);
        narrow.ok_or_else(|| (at, format!("{what} can be at most {max} ({max:#x})")))
    }

    /// Takes a name of `names` or a number, or several with `|` between them.
    pub(super) fn bits(&mut self, names: &Names<u8>) -> Result<u8, Fault> {
        let mut bits = 0;
        loop {
            bits |= self.named(names)?;
            if !self.take('|') {
                return Ok(bits);
            }
        }
    }

    /// Takes a name of `names` or a number.
    pub(super) fn named(&mut self, names: &Names<u8>) -> Result<u8, Fault> {
        if let Some(Token::Word(word)) = self.peek() {
            if let Some(value) = names.get(word) {
                self.next();
                return Ok(value);
            }
            if number(word).is_none() {
                let what = format!(
                    "there is no {} \"{word}\"; there are {}, and numbers such as 0x02 or X'02'",
                    names.what,
                    names.list()
                );
                return Err((self.at(), what));
            }
        }
        self.number(&format!("a {}", names.what), 0xff)
    }

    /// Takes an address: a name, a number or `*`, and an optional offset.
    pub(super) fn address(&mut self, what: &str) -> Result<Address, Fault> {
        let at = self.at();
        let (base, mut text) = match self.peek() {
            Some(Token::Symbol('*')) => {
                self.next();
                (Base::Here, "*".to_owned())
            }
            Some(Token::Word(word)) if is_name(word) => {
                let name = self.word(what)?;
                (Base::Name(name.clone()), name)
            }
            _ => {
                let number = self.number(what, u64::MAX)?;
                (Base::Number(number), format!("{number:#x}"))
            }
        };
        let sign = match self.peek() {
            Some(Token::Symbol(sign @ ('+' | '-'))) => *sign,
            _ => {
                return Ok(Address {
                    at,
                    base,
                    offset: 0,
                    text,
                })
            }
        };
        self.next();
        let offset: i64 = self.number("an offset", 0xffff_ffff)?;
        text = format!("{text}{sign}{offset:#x}");
        Ok(Address {
            at,
            base,
            offset: if sign == '-' { -offset } else { offset },
            text,
        })
    }
}

fn is_name(word: &str) -> bool {
    word.starts_with(|character: char| character.is_ascii_alphabetic() || character == '_')
        && word
            .chars()
            .all(|character| character.is_ascii_alphanumeric() || character == '_')
}

fn number(word: &str) -> Option<u64> {
    let word = word.to_ascii_lowercase();
    if let Some(digits) = word.strip_prefix("0x") {
        return u64::from_str_radix(digits, 16).ok();
    }
    let (digits, unit) = match word.strip_suffix(['k', 'm']) {
        Some(digits) if word.ends_with('k') => (digits, 1 << 10),
        Some(digits) => (digits, 1 << 20),
        None => (word.as_str(), 1),
    };
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

fn from_bytes(bytes: &[u8]) -> Option<u64> {
    (1..=8).contains(&bytes.len()).then(|| {
        bytes
            .iter()
            .fold(0, |number, &byte| number << 8 | u64::from(byte))
    })
}
