using System.Buffers.Binary;
using System.Text;
using Lean.Tensors;

namespace Lean.Comm;

/// <summary>
/// Reads what <see cref="ByteWriter"/> wrote, from a source that may be broken or hostile: every length is checked against
/// a bound and against what is left before memory is touched.
/// </summary>
/// <param name="bytes">The source.</param>
/// <param name="what">What it is, for messages.</param>
internal ref struct ByteReader(ReadOnlySpan<byte> bytes, string what)
{
    private readonly ReadOnlySpan<byte> _bytes = bytes;
    private int _place;

    /// <summary>How many bytes are left.</summary>
    public readonly int Left => _bytes.Length - _place;

    public byte Byte(string field) => Take(1, field)[0];

    /// <summary>A byte that names one of an enumeration's values, which are numbered from 0.</summary>
    public T Enum<T>(string field) where T : unmanaged, System.Enum
    {
        byte value = Byte(field);
        return value < System.Enum.GetValues<T>().Length ? System.Enum.GetValues<T>()[value] : throw Broken($"{field} is {value}, expected less than {System.Enum.GetValues<T>().Length}");
    }

    public int Int(string field) => BinaryPrimitives.ReadInt32LittleEndian(Take(sizeof(int), field));

    /// <summary>A number within bounds.</summary>
    public int Int(string field, int least, int most)
    {
        int value = Int(field);
        return value >= least && value <= most ? value : throw Broken($"{field} is {value}, expected {least} to {most}");
    }

    public long Long(string field) => BinaryPrimitives.ReadInt64LittleEndian(Take(sizeof(long), field));

    /// <summary>A list of at most <paramref name="most"/> numbers.</summary>
    public int[] Ints(string field, int most)
    {
        int count = Int(field, 0, most);
        ReadOnlySpan<byte> source = Take(checked(count * sizeof(int)), field);
        int[] values = new int[count];
        for (int i = 0; i < count; i++)
        {
            values[i] = BinaryPrimitives.ReadInt32LittleEndian(source[(i * sizeof(int))..]);
        }

        return values;
    }

    /// <summary>UTF-8 of at most <paramref name="most"/> characters; what is no text becomes U+FFFD.</summary>
    public string Text(string field, int most)
    {
        string text = Encoding.UTF8.GetString(Block(field, Encoding.UTF8.GetMaxByteCount(most)));
        return text.Length <= most ? text : throw Broken($"{field} has {text.Length} characters, expected at most {most}");
    }

    /// <summary>At most <paramref name="most"/> bytes.</summary>
    public ReadOnlySpan<byte> Block(string field, int most) => Take(Int(field, 0, most), field);

    /// <summary>Refuses what follows the end.</summary>
    public readonly void End()
    {
        if (Left != 0)
        {
            throw Broken($"{Left} bytes follow its end");
        }
    }

    /// <summary>The error for something the source may not hold.</summary>
    public readonly InputException Broken(string why) => new($"{what}: {why}");

    private ReadOnlySpan<byte> Take(int count, string field)
    {
        if (count > Left)
        {
            throw Broken($"it ends within {field}: {count} bytes expected, {Left} left");
        }

        ReadOnlySpan<byte> span = _bytes.Slice(_place, count);
        _place += count;
        return span;
    }
}
