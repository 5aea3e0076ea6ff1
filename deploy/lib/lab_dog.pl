#!/usr/bin/perl
# lab_dog.pl - a watchdog for one host of deploy/lab: no host has one of its own.
#
#   lab_dog.pl SOCKET COMMAND...
#
# A datagram "arm MS" (re)starts it, "disarm" calls it off; when its time is over COMMAND is run.
# Outside of the host, so that a host that stands still does not stop it.  SOCKET.state says what
# it does.  Nothing but what perl-base has.
use strict;
use warnings;
use Socket;

my ($path, @command) = @ARGV;
die "usage: lab_dog.pl SOCKET COMMAND...\n" unless @command;

sub say_state
{
    open(my $file, '>', "$path.state.new") or die "$path.state.new: $!\n";
    print $file "$_[0]\n";
    close($file) or die "$path.state.new: $!\n";
    rename("$path.state.new", "$path.state") or die "$path.state: $!\n";
}

$| = 1;
unlink $path;
socket(my $socket, PF_UNIX, SOCK_DGRAM, 0) or die "socket: $!\n";
bind($socket, pack_sockaddr_un($path)) or die "$path: $!\n";
say_state('off');

my $left;    # seconds until it fires; undefined: never
my $state = 'off';
while (1) {
    my $ready = '';
    vec($ready, fileno($socket), 1) = 1;
    my ($n, $rest) = select($ready, undef, undef, $left); # Linux says what is left
    if ($n < 0) {
        next;
    } elsif ($n == 0) {
        print "it was not petted in time: @command\n";
        undef $left;
        say_state($state = 'fired');
        my $status = system(@command); # allowed: perl's own, with an argument vector
        print "status $status\n";
        next;
    }
    $left = $rest;
    defined recv($socket, my $text, 64, 0) or next;
    if ($text =~ /^arm ([1-9][0-9]{0,8})$/) {
        $left = $1 / 1000;
        say_state($state = 'armed') if $state ne 'armed';
    } elsif ($text eq 'disarm') {
        undef $left;
        say_state($state = 'off') if $state ne 'off';
    } else {
        print "what is this: $text\n";
    }
}
