using System.Globalization;

namespace Lean.Engine.Running;

/// <summary>How many tokens are to be drafted ahead of each step, as requests and command lines say it: a number, or <c>auto</c>.</summary>
/// <param name="Most">The most.</param>
/// <param name="Adapts">Whether a step may draft fewer, as many as pays.</param>
internal readonly record struct Speculation(int Most, bool Adapts = false)
{
    /// <summary>What stands for as many as pays.</summary>
    public const string AutoName = "auto";

    // A fourth draft is right in half the cases at best, and each has a state of every running sequence ready.
    private const int MostThatPay = 3;

    /// <summary>None.</summary>
    public static Speculation Off => default;

    /// <summary>As many as pays.</summary>
    public static Speculation Auto => new(MostThatPay, Adapts: true);

    /// <summary>Reads it.</summary>
    /// <returns>False where the text is neither <c>auto</c> nor a number from 0 to <see cref="PromptCheck.MostDrafts"/>.</returns>
    public static bool TryParse(string text, out Speculation speculation)
    {
        bool isNumber = int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int most) && most <= PromptCheck.MostDrafts;
        speculation = text == AutoName ? Auto : new Speculation(isNumber ? most : 0);
        return isNumber || speculation.Adapts;
    }

    public override string ToString() => Adapts ? AutoName : Most.ToString(CultureInfo.InvariantCulture);
}
