using System.Collections.Immutable;

namespace Lean.Generators.Weights;

/// <summary>An extent as declared, checked and in the forms the generator needs.</summary>
/// <param name="Text">The declaration with even spacing, for messages.</param>
/// <param name="Code">The same as C#, over one local per symbol.</param>
/// <param name="Symbols">The symbols in it, with where each begins in the declaration.</param>
/// <param name="Value">Its normal form, or null where it divides (integers do not divide like polynomials).</param>
internal sealed record ShapeExpression(
    string Text, string Code, ImmutableArray<(string Name, int Position)> Symbols, Polynomial? Value);
