//! What type a computed column has: how large its numbers can be and how many digits stand behind
//! their point. Uses `error`, `ums`. Not hot: once a schema.

use super::cast::Target;
use super::node::{Arithmetic, Node};
use super::number::{DIVISION_DIGITS, MOST_DIGITS, Number};
use super::value::{Kind, Value};
use crate::ums::{Field, Schema, Type};

/// Bounds of an exact number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Shape {
    /// The logarithm to 10 of a bound of the whole part.
    size: f64,
    /// Digits behind the point; `None` when rows may differ.
    scale: Option<u32>,
}

/// The logarithms of 2^31 and 2^63.
const INT: f64 = 9.331_929_865_5;
const LONG: f64 = 18.964_889_726_9;
/// What one more can add: a carry.
const CARRY: f64 = std::f64::consts::LOG10_2;

const fn whole(size: f64) -> Shape {
    Shape { size, scale: Some(0) }
}

impl Shape {
    const UNKNOWN: Self = Self { size: MOST_DIGITS as f64, scale: None };

    fn over(self, other: Self) -> Self {
        let scale = self.scale.zip(other.scale).map(|(a, b)| a.max(b));
        Self { size: self.size.max(other.size), scale }
    }

    /// With so many digits behind the point, rounded.
    fn rounded(self, scale: u32) -> Self {
        match self.scale {
            Some(own) if own <= scale => self,
            // 9.5 becomes 10.
            _ => Self { size: (10f64.powf(self.size) + 1.0).log10(), scale: Some(scale) },
        }
    }

    /// The type of a column of it, and that type's declaration.
    pub(super) fn column(self) -> (Type, Option<String>) {
        match self.scale {
            None => (Type::Decimal, None),
            Some(0) if self.size <= INT => (Type::Int, Some("int".into())),
            Some(0) if self.size <= LONG => (Type::Long, Some("bigint".into())),
            Some(scale) => {
                let front = (self.size - 1e-6).ceil().max(1.0) as u32;
                let scale = scale.min(MOST_DIGITS);
                let digits = front.saturating_add(scale).min(MOST_DIGITS);
                (Type::Decimal, Some(format!("decimal({digits},{scale})")))
            }
        }
    }

    /// Digits behind the point of every value of the column.
    pub(super) fn scale(self) -> Option<u32> {
        self.scale.map(|scale| scale.min(MOST_DIGITS))
    }
}

/// The shape of what a node gives; only numbers have one worth asking for.
pub(super) fn shape(node: &Node, schema: &Schema) -> Shape {
    let of = |node: &Node| shape(node, schema);
    let widest = |nodes: &mut dyn Iterator<Item = &Node>| {
        let mut shapes = nodes.filter(|node| !is_null(node)).map(|node| shape(node, schema));
        let first = shapes.next().unwrap_or(whole(0.0));
        shapes.fold(first, Shape::over)
    };
    match node {
        Node::Constant(Value::Exact(number)) => constant(number),
        Node::Column { place, .. } => schema.fields.get(*place).map_or(Shape::UNKNOWN, of_field),
        // The least number of a type has one more than the greatest.
        Node::Negate(a) => {
            let shape = of(a);
            Shape { size: shape.size + 1e-8, ..shape }
        }
        Node::Calculate(operation, a, b) => calculated(*operation, of(a), of(b)),
        Node::Bits(..) => whole(LONG),
        Node::Cast { to: Target::Whole(bits), .. } if *bits <= 32 => whole(INT),
        Node::Cast { to: Target::Whole(_), .. } => whole(LONG),
        Node::Cast { to: Target::Decimal(digits, scale), .. } => {
            Shape { size: f64::from(digits - scale), scale: Some(*scale) }
        }
        Node::Cast { node, from: Kind::Number, to: Target::Kind(Kind::Number), .. } => of(node),
        Node::Cast { from: Kind::Boolean, .. } => whole(0.0),
        Node::Case(branches, otherwise) => {
            widest(&mut branches.iter().map(|(_, result)| result).chain([otherwise.as_ref()]))
        }
        Node::Coalesce(nodes) | Node::Extreme { nodes, .. } => widest(&mut nodes.iter()),
        Node::NullIf(a, _) => of(a),
        Node::Call(function, arguments) => {
            let first = arguments.first().map_or(Shape::UNKNOWN, of);
            match function.name {
                "abs" => Shape { size: first.size + 1e-8, ..first },
                "ceil" | "floor" => first.rounded(0),
                "round" | "truncate" => match arguments.get(1) {
                    None => first.rounded(0),
                    Some(Node::Constant(Value::Exact(digits))) => {
                        let digits = digits.as_i64().unwrap_or_default();
                        match u32::try_from(digits) {
                            Ok(digits) => first.rounded(digits.min(MOST_DIGITS)),
                            Err(_) => {
                                let size = first.size.max(digits.unsigned_abs() as f64);
                                Shape { size, ..first }.rounded(0)
                            }
                        }
                    }
                    Some(_) => Shape { size: first.size + CARRY, scale: None },
                },
                "mod" => {
                    calculated(Arithmetic::Remainder, first, arguments.get(1).map_or(first, of))
                }
                "unix_timestamp" => Shape { size: 12.0, scale: Some(6) },
                "date_diff" => whole(LONG),
                // Lengths, places and parts of dates.
                _ => whole(INT),
            }
        }
        _ => Shape::UNKNOWN,
    }
}

fn is_null(node: &Node) -> bool {
    matches!(node, Node::Constant(Value::Null))
}

fn constant(number: &Number) -> Shape {
    let front =
        number.to_string().trim_start_matches('-').split('.').next().unwrap_or_default().len();
    // The first digits decide between the types of whole numbers.
    let size = match number.as_i64() {
        Some(value) => ((value.unsigned_abs() as f64) + 1e-9).log10().max(0.0),
        None => front as f64,
    };
    Shape { size, scale: Some(number.scale()) }
}

fn calculated(operation: Arithmetic, a: Shape, b: Shape) -> Shape {
    match operation {
        Arithmetic::Add | Arithmetic::Subtract => {
            let widest = a.over(b);
            Shape { size: widest.size + CARRY, ..widest }
        }
        Arithmetic::Multiply => {
            Shape { size: a.size + b.size, scale: a.scale.zip(b.scale).map(|(a, b)| a + b) }
        }
        // The least divisor is a unit of its last digit.
        Arithmetic::Divide => Shape {
            size: a.size + b.scale.map_or(f64::from(MOST_DIGITS), f64::from) + CARRY,
            scale: a.scale.map(|scale| (scale + DIVISION_DIGITS).min(MOST_DIGITS)),
        },
        Arithmetic::Remainder => Shape { size: a.size.min(b.size), ..a.over(b) },
    }
}

/// By a field's type and, of decimals, its declaration.
fn of_field(field: &Field) -> Shape {
    match field.ty {
        Type::Int => whole(INT),
        Type::Long => whole(LONG),
        Type::Decimal => declared(field.origin.as_deref().unwrap_or_default()),
        _ => Shape::UNKNOWN,
    }
}

/// `decimal(12,2)`, `numeric(5)`, `bigint unsigned`, `bit(64)`.
fn declared(origin: &str) -> Shape {
    let lower = origin.to_ascii_lowercase();
    if lower.starts_with("bigint") || lower.starts_with("bit") {
        return whole(20.0);
    }
    let inside = lower.split_once('(').and_then(|(_, rest)| rest.split_once(')'));
    let Some((inside, _)) = inside else { return Shape::UNKNOWN };
    let (digits, scale) = inside.split_once(',').unwrap_or((inside, "0"));
    match (digits.trim().parse::<u32>(), scale.trim().parse::<u32>()) {
        (Ok(digits), Ok(scale)) if scale <= digits && digits <= MOST_DIGITS => {
            Shape { size: f64::from(digits - scale), scale: Some(scale) }
        }
        _ => Shape::UNKNOWN,
    }
}
