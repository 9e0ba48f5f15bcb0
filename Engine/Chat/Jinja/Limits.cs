namespace Lean.Engine.Chat.Jinja;

/// <summary>
/// Bounds on what a template may do: templates come with checkpoints and are not trusted. All are far above what
/// published templates need.
/// </summary>
internal static class Limits
{
    /// <summary>Characters of a template; published ones have up to some ten thousand.</summary>
    public const int Source = 1 << 20;

    /// <summary>Steps of a rendering, on top of those that its variables' size allows. A step is at most some 100 ns.</summary>
    public const long Steps = 32_000_000;

    /// <summary>Steps allowed for each element and every eight characters of the variables.</summary>
    public const long StepsPerWeight = 64;

    /// <summary>Characters of one string, the rendered prompt among them.</summary>
    public const int Text = 64 << 20;

    /// <summary>Bits of a whole number: 4,300 digits, as in Python.</summary>
    public const long IntegerBits = 14_284;

    /// <summary>Expressions inside each other, which is also the longest chain of operators.</summary>
    public const int ExpressionDepth = 200;

    /// <summary>Statements inside each other.</summary>
    public const int StatementDepth = 60;

    /// <summary>Macro calls and recursive loops inside each other.</summary>
    public const int CallDepth = 150;

    /// <summary>Lists and dicts inside each other.</summary>
    public const int ValueDepth = 150;

    /// <summary>Numbers in a range, as Jinja's sandbox has it.</summary>
    public const int Range = 100_000;
}
