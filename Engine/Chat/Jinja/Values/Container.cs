using Lean.Tensors;

namespace Lean.Engine.Chat.Jinja.Values;

/// <summary>
/// A value that holds others and never changes. It knows how deep it goes and how much it takes to walk through it,
/// parts it holds twice counted twice, so that comparing and printing can be refused before they begin.
/// </summary>
internal abstract class Container
{
    // Far more than any rendering may take, and far from overflowing where weights are added.
    private const long MostWeight = long.MaxValue / 4;

    /// <summary>Levels of containers, this one included.</summary>
    public int Depth { get; private set; } = 1;

    /// <summary>Steps that walking through all of it takes.</summary>
    public long Weight { get; private set; } = 1;

    /// <summary>The steps that walking through a value takes.</summary>
    public static long WeightOf(object? value) => value switch
    {
        string text => 1 + (text.Length / 8),
        Container container => container.Weight,
        Markup markup => 1 + (markup.Text.Length / 8),
        _ => 1,
    };

    /// <summary>Counts a value that this one holds.</summary>
    /// <exception cref="InputException">Values lie too deep inside each other.</exception>
    protected void Hold(object? value)
    {
        Weight = long.Min(Weight + WeightOf(value), MostWeight);
        if (value is Container inner && inner.Depth >= Depth)
        {
            Depth = inner.Depth + 1;
            if (Depth > Limits.ValueDepth)
            {
                throw Fault.Limit($"lists and dicts lie too deep inside each other: expected at most {Limits.ValueDepth} levels");
            }
        }
    }
}
