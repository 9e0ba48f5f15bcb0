using System.Numerics;
using Lean.Engine.Chat.Jinja.Formatting;
using Lean.Engine.Chat.Jinja.Operations;
using Lean.Engine.Chat.Jinja.Values;

namespace Lean.Engine.Chat.Jinja.Methods;

/// <summary>The methods of lists, tuples and ranges that don't change them.</summary>
internal static class ListMethods
{
    private static readonly Signature s_nothing = new("copy", 0);
    private static readonly Signature s_count = new("count", 1, "value");
    private static readonly Signature s_index = new("index", 1, "value", "start", "stop");

    /// <summary>A method, or <see cref="Missing"/>.</summary>
    public static object? Find(Rendering run, object? value, string name) => name switch
    {
        "count" => new MethodValue(value, name, static (run, self, arguments) => Count(run, self, arguments)),
        "index" => new MethodValue(value, name, static (run, self, arguments) => Index(run, self, arguments)),
        "copy" when value is ListValue => new MethodValue(value, name, static (_, self, arguments) =>
        {
            s_nothing.Bind(arguments);
            return self;
        }),
        "start" when value is RangeValue range => range.Start,
        "step" when value is RangeValue range => range.Step,
        "stop" when value is RangeValue range => range.Start + (range.Count * range.Step),
        _ => Missing.Value,
    };

    private static BigInteger Count(Rendering run, object? self, Arguments arguments)
    {
        object? wanted = s_count.Bind(arguments)[0];
        int count = 0;
        foreach (object? item in Sequences.Iterate(run, self))
        {
            count += Comparison.Equal(run, item, wanted) ? 1 : 0;
        }

        return count;
    }

    private static BigInteger Index(Rendering run, object? self, Arguments arguments)
    {
        object?[] bound = s_index.Bind(arguments);
        int length = Sequences.Length(self) ?? 0;
        (int start, _, int count) = Sequences.Slice(Missing.Is(bound[1]) ? null : bound[1], Missing.Is(bound[2]) ? null : bound[2], null, length);
        int place = 0;
        foreach (object? item in Sequences.Iterate(run, self))
        {
            if (place >= start && place < start + count && Comparison.Equal(run, item, bound[0]))
            {
                return place;
            }

            place++;
        }

        throw Fault.Value(self is TupleValue ? "tuple.index(x): x not in tuple" : $"{Printing.Repr(run, bound[0])} is not in {Types.Name(self)}");
    }
}
