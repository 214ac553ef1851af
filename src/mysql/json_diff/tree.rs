//! A JSON document as a tree that can be changed; texts stay in the stored bytes. Uses `error`,
//! `mysql::json`. Not hot.

use std::borrow::Cow;

use super::path::Leg;
use crate::error::Result;
use crate::mysql::json::binary::{Reader, Value};
use crate::mysql::json::{check_depth, print};

/// A value and what is inside it.
#[derive(Debug)]
pub enum Node<'a> {
    /// Not an array or object.
    Scalar(Value<'a>),
    /// The elements in order.
    Array(Vec<Node<'a>>),
    /// The members by length of key, then by its bytes: MySQL's order.
    Object(Vec<(Cow<'a, [u8]>, Node<'a>)>),
}

impl<'a> Node<'a> {
    /// The tree of a stored document.
    pub fn read(binary: &'a [u8]) -> Result<Self> {
        let mut reader = Reader::new(binary);
        let value = reader.document(binary)?;
        Self::build(&mut reader, value, 1)
    }

    fn build(reader: &mut Reader, value: Value<'a>, depth: usize) -> Result<Self> {
        let container = match &value {
            Value::Array(container) | Value::Object(container) => *container,
            _ => return Ok(Self::Scalar(value)),
        };
        check_depth(depth)?;
        if !container.has_keys() {
            return (0..container.count())
                .map(|index| {
                    let element = reader.element(&container, index)?;
                    Self::build(reader, element, depth + 1)
                })
                .collect::<Result<_>>()
                .map(Self::Array);
        }
        (0..container.count())
            .map(|index| {
                let key = reader.key(&container, index)?;
                let element = reader.element(&container, index)?;
                Ok((Cow::Borrowed(key), Self::build(reader, element, depth + 1)?))
            })
            .collect::<Result<_>>()
            .map(Self::Object)
    }

    /// The node that a path leads to. A value that is no array counts as an array of itself.
    pub fn seek(&mut self, legs: &[Leg<'_>]) -> Option<&mut Self> {
        let mut node = self;
        for leg in legs {
            node = match (node, leg) {
                (Self::Object(members), Leg::Member(key)) => {
                    members.iter_mut().find(|(present, _)| present == key).map(|(_, node)| node)?
                }
                (_, Leg::Member(_)) => return None,
                (Self::Array(elements), cell) => {
                    let at = cell.position(elements.len())?;
                    elements.get_mut(at)?
                }
                (alone, cell) => cell.position(1).map(|_| alone)?,
            };
        }
        Some(node)
    }

    /// Appends the text, like `json::push_text`.
    pub fn print(&self, out: &mut Vec<u8>, depth: usize) -> Result<()> {
        match self {
            Self::Scalar(value) => print::push_scalar(out, value)?,
            Self::Array(elements) => {
                check_depth(depth)?;
                out.push(b'[');
                for (index, element) in elements.iter().enumerate() {
                    if index > 0 {
                        out.extend_from_slice(b", ");
                    }
                    element.print(out, depth + 1)?;
                }
                out.push(b']');
            }
            Self::Object(members) => {
                check_depth(depth)?;
                out.push(b'{');
                for (index, (key, member)) in members.iter().enumerate() {
                    if index > 0 {
                        out.extend_from_slice(b", ");
                    }
                    print::push_string(out, key);
                    out.extend_from_slice(b": ");
                    member.print(out, depth + 1)?;
                }
                out.push(b'}');
            }
        }
        Ok(())
    }
}
