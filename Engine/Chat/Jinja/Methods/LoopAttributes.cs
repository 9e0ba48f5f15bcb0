using System.Numerics;
using Lean.Engine.Chat.Jinja.Values;

namespace Lean.Engine.Chat.Jinja.Methods;

/// <summary>What a for statement's <c>loop</c> knows.</summary>
internal static class LoopAttributes
{
    /// <summary>An attribute, or <see cref="Missing"/>.</summary>
    public static object? Find(LoopValue loop, string name) => name switch
    {
        "index" => Number(loop.Index0 + 1),
        "index0" => Number(loop.Index0),
        "first" => loop.Index0 == 0,
        "last" => Missing.Is(loop.Next),
        "length" => Number(loop.Length),
        "revindex" => Number(loop.Length - loop.Index0),
        "revindex0" => Number(loop.Length - loop.Index0 - 1),
        "previtem" => Missing.Is(loop.Previous) ? Undefined.Because("there is no previous item") : loop.Previous,
        "nextitem" => Missing.Is(loop.Next) ? Undefined.Because("there is no next item") : loop.Next,
        "depth" => Number(loop.Depth0 + 1),
        "depth0" => Number(loop.Depth0),
        "cycle" => new MethodValue(loop, name, static (_, self, arguments) => arguments.Positional.Length > 0
            ? arguments.Positional[((LoopValue)self!).Index0 % arguments.Positional.Length]
            : throw Fault.Type("no items for cycling given")),
        "changed" => new MethodValue(loop, name, static (_, self, arguments) => ((LoopValue)self!).Changed(new TupleValue(arguments.Positional))),
        _ => Missing.Value,
    };

    private static BigInteger Number(int number) => number;
}
