namespace Lean.Generators.Kernels;

/// <summary>A product of symbols and integers, such as 2*I, divided by an integer where it counts groups: N/8 rounds up.</summary>
/// <param name="Factors">What is multiplied.</param>
/// <param name="Divisor">What divides the product; 1 for none.</param>
internal sealed record Extent(EquatableArray<string> Factors, int Divisor)
{
    /// <summary>How many groups there are when whoever launches says how many, written "*".</summary>
    public static Extent Given { get; } = new(new EquatableArray<string>([]), 1);

    /// <summary>Whether whoever launches says how many.</summary>
    public bool IsGiven => Factors.Count == 0;

    /// <summary>The symbols among the factors.</summary>
    public IEnumerable<string> Symbols => Factors.Where(f => !char.IsDigit(f[0]));

    /// <summary>The symbol that is the whole expression, or null.</summary>
    public string? Alone => Factors.Count == 1 && Divisor == 1 && !char.IsDigit(Factors[0][0]) ? Factors[0] : null;

    /// <summary>The product in C#.</summary>
    public string Product => string.Join(" * ", Factors.Select(f => char.IsDigit(f[0]) ? f + "L" : Local(f)));

    /// <summary>The local variable that holds a symbol.</summary>
    public static string Local(string symbol) => "extent" + symbol;

    /// <summary>Reads an expression; null where it is none.</summary>
    public static Extent? Parse(string text)
    {
        string[] halves = text.Split('/');
        int divisor = 1;
        if (halves.Length > 2 || (halves.Length == 2 && (!int.TryParse(halves[1].Trim(), out divisor) || divisor < 1)))
        {
            return null;
        }

        string[] factors = [.. halves[0].Split('*').Select(f => f.Trim())];
        return factors.All(IsFactor) ? new Extent(new EquatableArray<string>([.. factors]), divisor) : null;
    }

    public override string ToString() => string.Join("*", Factors) + (Divisor == 1 ? "" : $"/{Divisor}");

    private static bool IsFactor(string text) => text.Length > 0
        && (text.All(char.IsDigit) ? int.TryParse(text, out int number) && number > 0 : char.IsLetter(text[0]) && text.All(char.IsLetterOrDigit));
}
