using Lean.Engine.Running;
using Lean.Tensors;

namespace Lean.Engine.Tests.Running;

public sealed class ResultRoomTests
{
    // Results of a step lie together whatever else is taken between them, so that one copy has them all.
    [Fact]
    public void What_a_step_gives_is_where_a_copy_of_its_room_has_it()
    {
        using Arena arena = new(), host = new();
        var results = new ResultRoom(arena);
        results.Begin(ResultRoom.Bytes(tensors: 3, 5 + 70 + 6));
        Tensor faults = results.I32(new Shape(5));
        arena.F32(1000, 3).AsSpan<float>().Fill(float.NaN);
        Tensor tokens = results.I32(new Shape(70)), listed = results.F32(new Shape(2, 3)), room = results.End();
        faults.AsSpan<int>().Fill(1);
        tokens.AsSpan<int>().Fill(2);
        listed.AsSpan<float>().Fill(3);
        Assert.Equal(256 + 512 + listed.Bytes, room.Bytes);

        Tensor copy = host.Like(room);
        room.AsSpan<byte>().CopyTo(copy.AsSpan<byte>());
        faults.AsSpan<int>().Clear();
        var given = new StepOutput { Room = room, Faults = faults, Tokens = tokens, LogProbabilities = default, ListedValues = listed };
        StepOutput moved = given.In(copy);
        Assert.Equal([1, 1, 1, 1, 1], moved.Faults.AsSpan<int>().ToArray());
        Assert.All(moved.Tokens.AsSpan<int>().ToArray(), static t => Assert.Equal(2, t));
        Assert.Equal(listed.Shape, moved.ListedValues.Shape);
        Assert.All(moved.ListedValues.AsSpan<float>().ToArray(), static v => Assert.Equal(3, v));
        Assert.True(moved.LogProbabilities.IsEmpty && moved.Accepted.IsEmpty && moved.CacheFaults.IsEmpty);
    }

    [Fact]
    public void More_than_was_set_aside_is_refused_and_so_is_what_lies_elsewhere()
    {
        using var arena = new Arena();
        var results = new ResultRoom(arena);
        results.Begin(ResultRoom.Bytes(tensors: 1, numbers: 4));
        results.I32(new Shape(4));
        Assert.Throws<InvalidOperationException>(() => results.I32(new Shape(80)));
        results.Begin(ResultRoom.Bytes(tensors: 1, numbers: 4));
        Tensor tokens = results.I32(new Shape(4)), room = results.End(), other = results.F32(new Shape(4));
        Assert.Throws<InvalidOperationException>(() => new StepOutput { Room = room, Tokens = tokens, LogProbabilities = other }.In(arena.Like(room)));
        Assert.Throws<InvalidOperationException>(() => new StepOutput { Room = room.Rows(0, 15), Tokens = tokens, LogProbabilities = default }.In(arena.Like(room)));
    }

    // Between two steps, as for drafts, it gives what the arena has.
    [Fact]
    public void Outside_of_a_step_it_gives_memory_of_the_arena()
    {
        using var arena = new Arena();
        var results = new ResultRoom(arena);
        Tensor first = results.I32(new Shape(3)), second = arena.I32(3, 1);
        Assert.True(second.Address >= first.Address + first.Bytes);
        Assert.Equal(0, results.I32(new Shape(0)).Bytes);
    }
}
