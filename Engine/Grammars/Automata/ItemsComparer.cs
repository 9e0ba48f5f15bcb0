using System.Runtime.CompilerServices;

namespace Lean.Engine.Grammars.Automata;

/// <summary>Compares lists of items; frames are made once, so they are compared by identity.</summary>
internal sealed class ItemsComparer : IEqualityComparer<Item[]>, IAlternateEqualityComparer<ReadOnlySpan<Item>, Item[]>
{
    public bool Equals(Item[]? x, Item[]? y) => Equals(x.AsSpan(), y!);

    public bool Equals(ReadOnlySpan<Item> alternate, Item[] other)
    {
        if (alternate.Length != other.Length)
        {
            return false;
        }

        for (int i = 0; i < other.Length; i++)
        {
            ref readonly Item a = ref alternate[i];
            if (a.State != other[i].State || a.Counter != other[i].Counter || !ReferenceEquals(a.Parent, other[i].Parent))
            {
                return false;
            }
        }

        return true;
    }

    public int GetHashCode(Item[] obj) => GetHashCode(obj.AsSpan());

    public int GetHashCode(ReadOnlySpan<Item> alternate)
    {
        uint hash = 2166136261;
        foreach (ref readonly Item item in alternate)
        {
            hash = (hash ^ (uint)item.State) * 16777619;
            hash = (hash ^ (uint)item.Counter) * 16777619;
            hash = (hash ^ (uint)(item.Parent is null ? 0 : RuntimeHelpers.GetHashCode(item.Parent))) * 16777619;
        }

        return (int)(hash ^ (hash >> 15));
    }

    public Item[] Create(ReadOnlySpan<Item> alternate) => alternate.ToArray();
}
